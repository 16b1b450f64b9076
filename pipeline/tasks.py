"""The architecture on one screen: one function an arrow, its signature is the edge.

A task fetches, calls a service, stores and answers. What it does is in ``services/``; when, how often and on which
machine is the ledger's affair.
"""

from pipeline.bus import CPU, GPU
from pipeline.config import config
from pipeline.documents import Entities, Settings, Transcript
from pipeline.events import (
    AudioRedacted,
    ConversationQualified,
    ConversationReceived,
    ConversationTranscribed,
    EntitiesTagged,
    TranscriptAnonymized,
)
from pipeline.service import load, local_copy, report, save, save_file, service
from pipeline.services import anonymization, audio_redaction, entity_tagging, qualification, transcription
