#!/bin/sh
# Makes two_speakers.flac, the call that the transcription tests read: agent left, customer right, 8 kHz.
# Voices: flite (free for any use). Needs flite and ffmpeg. Run in this folder.
set -eu
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
flite -voice rms -t "Thank you for calling. How can I help you today?" -o "$scratch/a.wav"
flite -voice slt -t "My washing machine is broken and it leaks." -o "$scratch/b.wav"
flite -voice rms -t "I am sorry about that." -o "$scratch/c.wav"
ffmpeg -nostdin -loglevel error -y -i "$scratch/a.wav" -i "$scratch/b.wav" -i "$scratch/c.wav" -filter_complex "
  [0]aresample=8000,adelay=200,apad=whole_dur=9[a];
  [1]aresample=8000,adelay=3300,apad=whole_dur=9[b];
  [2]aresample=8000,adelay=7000,apad=whole_dur=9[c];
  [a][c]amix=normalize=0[agent];
  [agent][b]join=inputs=2:channel_layout=stereo" -sample_fmt s16 -bitexact two_speakers.flac
