// Times in the reader's zone, the exact one on hovering; durations as 4:05.

const STYLES = {
  medium: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  time: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  second: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  long: { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" },
};

export function localize(root) {
  const language = languageOf(document.documentElement.lang);
  for (const element of root.querySelectorAll("time[data-style]:not([title])")) {
    const when = new Date(element.dateTime);
    const year = element.dataset.style === "time" || when.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
    element.textContent = when.toLocaleString(language, { ...STYLES[element.dataset.style], ...year });
    element.title = when.toLocaleString(language, { dateStyle: "full", timeStyle: "long" });
  }
}

// The page's language the way the reader's country writes it.
function languageOf(page) {
  return navigator.languages.find((each) => each.split("-")[0] === page) ?? page;
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
