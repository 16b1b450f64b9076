// The audio of a call, one clock for all who follow it: a frame at a time while it plays, once at each jump.

const listeners = new Set();
let audio = null;
let frame = 0;

function tell() {
  for (const listener of listeners) listener(audio.currentTime, !audio.paused);
}

function tick() {
  tell();
  frame = audio.paused ? 0 : requestAnimationFrame(tick);
}

function start() {
  if (!frame) tick();
}

export function attach(element) {
  cancelAnimationFrame(frame);
  frame = 0;
  audio = element;
  if (!audio) return;
  audio.addEventListener("play", start);
  for (const name of ["pause", "seeked", "timeupdate", "loadedmetadata"]) audio.addEventListener(name, tell);
}

export function onTime(listener) {
  listeners.add(listener);
}

export function seek(seconds) {
  if (!audio) return;
  const end = Number.isFinite(audio.duration) ? audio.duration : Infinity;
  audio.currentTime = Math.min(Math.max(seconds, 0), end);
  tell();
}

export function skip(seconds) {
  if (audio) seek(audio.currentTime + seconds);
}

export function toggle() {
  if (!audio) return;
  if (audio.paused) audio.play();
  else audio.pause();
}

export function setSpeed(rate) {
  if (audio) audio.playbackRate = rate;
}

export function now() {
  return audio ? audio.currentTime : 0;
}
