// The player: buttons, and the waveform in one lane a speaker, from peaks that the server has computed.

import WaveSurfer from "wavesurfer";
import { clock } from "parley/times";
import * as voice from "parley/voice";

const LANE_HEIGHT = 40;
let player = null;
let wave = null;

export function attachPlayer(section, nonce) {
  if (section === player) return;
  player = section;
  wave?.destroy();
  wave = null;
  const audio = section.querySelector("audio");
  voice.attach(audio);
  if (!audio) return;
  section.querySelector(".controls").hidden = false;
  wireControls(section);
  draw(section, audio, nonce).catch(() => section.classList.remove("scripted")); // the browser's own player stays
}

function wireControls(section) {
  section.querySelector("#play").addEventListener("click", voice.toggle);
  section.querySelector("#back").addEventListener("click", () => voice.skip(-5));
  section.querySelector("#speed").addEventListener("change", (event) => voice.setSpeed(Number(event.target.value)));
}

async function draw(section, audio, nonce) {
  const answer = await fetch(section.dataset.peaks);
  if (!answer.ok) throw new Error(`peaks: ${answer.status}`);
  const peaks = await answer.json();
  const order = section.dataset.channels.split(",").filter(Boolean).map(Number);
  const lanes = (order.length ? order : [0]).map((channel) => peaks.channels[channel]).filter(Boolean);
  section.querySelector(".lanes").hidden = false;
  section.classList.add("scripted");
  wave = WaveSurfer.create({
    container: section.querySelector("#waveform"),
    media: audio,
    peaks: lanes,
    duration: peaks.duration,
    height: LANE_HEIGHT,
    normalize: true,
    dragToSeek: true,
    cursorWidth: 2,
    cspNonce: nonce,
    ...colours(section, lanes.length),
  });
  wave.once("ready", () => wave.setTime(audio.currentTime)); // a link to a moment has moved the player before
}

function colours(section, count) {
  const style = getComputedStyle(section);
  const colour = (name) => style.getPropertyValue(name).trim();
  const lanes = Array.from({ length: count }, (_, lane) => {
    const strong = ("shared" in section.dataset ? "" : colour(`--lane-${lane}`)) || colour("--quiet");
    return { waveColor: `color-mix(in srgb, ${strong} 45%, ${colour("--raised")})`, progressColor: strong };
  });
  return { splitChannels: lanes, cursorColor: colour("--accent") };
}

voice.onTime((seconds, playing) => {
  const play = player.querySelector("#play");
  const said = playing ? play.dataset.pause : play.dataset.play;
  if (play.textContent !== said) play.textContent = said;
  const elapsed = player.querySelector("#elapsed");
  if (elapsed.textContent !== clock(seconds)) elapsed.textContent = clock(seconds);
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  if (wave) wave.setOptions(colours(player, wave.options.splitChannels.length));
});
