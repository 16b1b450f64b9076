"""Why a file of a batch was not taken in, or what there is to know of one that was: a code each, and its sentence."""

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pipeline.config import config


class Reason(StrEnum):
    """What a batch item says of its file, in one word."""

    FILE_TOO_LARGE = "file_too_large"
    TOO_MANY_FILES = "too_many_files"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    ARCHIVE_DAMAGED = "archive_damaged"
    ARCHIVE_EMPTY = "archive_empty"
    ARCHIVE_CUT_OFF = "archive_cut_off"
    ARCHIVE_TOO_LARGE = "archive_too_large"
    ARCHIVE_LISTS_TOO_MUCH = "archive_lists_too_much"
    MEMBER_DAMAGED = "member_damaged"
    MEMBER_ENCRYPTED = "member_encrypted"
    MEMBER_IS_ARCHIVE = "member_is_archive"
    MEMBER_IS_LINK = "member_is_link"
    MEMBER_METHOD = "member_method"
    MANIFEST_UNREADABLE = "manifest_unreadable"
    MANIFEST_TOO_LARGE = "manifest_too_large"
    MANIFEST_NO_FILE_COLUMN = "manifest_no_file_column"
    MANIFEST_REPEATS_COLUMN = "manifest_repeats_column"
    MANIFEST_IS_SECOND = "manifest_is_second"
    IS_MANIFEST = "is_manifest"
    LINE_NAMES_NO_FILE = "line_names_no_file"
    LINE_REPEATS_FILE = "line_repeats_file"
    LINE_TOO_LONG = "line_too_long"
    LINE_BAD_DATE = "line_bad_date"
    LINE_BAD_LANGUAGE = "line_bad_language"
    LINE_BAD_CHANNELS = "line_bad_channels"
    LINE_BAD_AGENT = "line_bad_agent"
    LINE_BAD_EXTERNAL_ID = "line_bad_external_id"
    LINE_WITHOUT_FILE = "line_without_file"
    NOT_IN_MANIFEST = "not_in_manifest"


SENTENCES: dict[str, Promise] = {
    Reason.FILE_TOO_LARGE: gettext_lazy(
        "The file is larger than %(megabytes)d MB, the most that is taken in. Split it, or ask for a higher limit."
    ),
    Reason.TOO_MANY_FILES: gettext_lazy(
        "A batch holds at most %(files)d files. This one, and what came after it, was not taken in: "
        "upload the rest as another batch."
    ),
    Reason.STORAGE_UNAVAILABLE: gettext_lazy("The file could not be stored just now. Upload it again later."),
    Reason.ARCHIVE_DAMAGED: gettext_lazy("The zip cannot be opened. Make it again, then upload it again."),
    Reason.ARCHIVE_EMPTY: gettext_lazy("The zip holds no files."),
    Reason.ARCHIVE_CUT_OFF: gettext_lazy(
        "The zip is damaged or ends too early. What stands before the damage was looked at; make the zip again, then "
        "upload it again: calls that are here already are not doubled."
    ),
    Reason.ARCHIVE_TOO_LARGE: gettext_lazy(
        "The zip unpacks to far more than its size, so unpacking was stopped. Upload the rest as smaller zips."
    ),
    Reason.ARCHIVE_LISTS_TOO_MUCH: gettext_lazy(
        "The zip lists more than the %(files)d files that a batch holds. Split it, then upload the parts."
    ),
    Reason.MEMBER_DAMAGED: gettext_lazy("The file is damaged inside the zip. Upload it again by itself."),
    Reason.MEMBER_ENCRYPTED: gettext_lazy("The file is protected by a password. Zip it again without one."),
    Reason.MEMBER_IS_ARCHIVE: gettext_lazy("The file is a zip inside a zip. Upload it by itself."),
    Reason.MEMBER_IS_LINK: gettext_lazy("The zip holds a link here, not a file. Zip the file itself."),
    Reason.MEMBER_METHOD: gettext_lazy(
        "The file is compressed in a way that is not read here. Zip it the ordinary way (deflate)."
    ),
    Reason.MANIFEST_UNREADABLE: gettext_lazy(
        "The manifest cannot be read as a table. Save it as CSV (UTF-8), then upload it again."
    ),
    Reason.MANIFEST_TOO_LARGE: gettext_lazy("The manifest is too large. It has a line for each file, and no more."),
    Reason.MANIFEST_NO_FILE_COLUMN: gettext_lazy("The CSV file is no manifest: its first line names no column “file”."),
    Reason.MANIFEST_REPEATS_COLUMN: gettext_lazy("The first line of the manifest names a column twice."),
    Reason.MANIFEST_IS_SECOND: gettext_lazy("The batch has a manifest already; this one was not used."),
    Reason.IS_MANIFEST: gettext_lazy("The manifest: its lines go with the files that they name."),
    Reason.LINE_NAMES_NO_FILE: gettext_lazy("The line names no file."),
    Reason.LINE_REPEATS_FILE: gettext_lazy("An earlier line names this file already; that one counts."),
    Reason.LINE_TOO_LONG: gettext_lazy("The line has more cells than there are columns."),
    Reason.LINE_BAD_DATE: gettext_lazy(
        "The date in “started_at” is not like 2026-11-23 14:05. Correct the line, then upload the file again."
    ),
    Reason.LINE_BAD_LANGUAGE: gettext_lazy(
        "The language is none of your organization's. Correct the line, then upload the file again."
    ),
    Reason.LINE_BAD_CHANNELS: gettext_lazy(
        "The channels are not roles, each once: agent, customer, supervisor, interpreter, ivr, other. Correct the "
        "line, then upload the file again."
    ),
    Reason.LINE_BAD_AGENT: gettext_lazy(
        "The name of the agent is longer than 100 characters. Correct the line, then upload the file again."
    ),
    Reason.LINE_BAD_EXTERNAL_ID: gettext_lazy(
        "The external id is longer than 200 characters. Correct the line, then upload the file again."
    ),
    Reason.LINE_WITHOUT_FILE: gettext_lazy("No file of this name came with the batch."),
    Reason.NOT_IN_MANIFEST: gettext_lazy("The manifest does not name this file: it was taken in without metadata."),
}


def reason_sentence(reason: str, line: int | None = None) -> str:
    """What happened to a file and what to do, with the manifest's line where that is to blame."""
    limits = {"megabytes": config().max_upload_bytes // 1024**2, "files": config().max_batch_files}
    sentence = str(SENTENCES[reason]) % limits if reason in SENTENCES else reason
    if line is None or reason == Reason.NOT_IN_MANIFEST:
        return sentence
    return _("Line %(line)d of the manifest: %(sentence)s") % {"line": line, "sentence": sentence}
