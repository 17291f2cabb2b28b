// Figures as a person reads them; the same forms as figures.py.

const NUMBER = (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const CLOCK = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const SHORT_CLOCK = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function money(low, high) {
  const known = [low, high].filter((value) => typeof value === "number");
  if (!known.length) return "";
  const most = Math.max(...known);
  const format = NUMBER(most >= 1 || most === 0 ? 2 : most < 0.1 ? 4 : 3);
  const [least, top] = [format.format(Math.min(...known)), format.format(most)];
  return least === top ? `$${least}` : `$${least}–${top}`;
}

function duration(seconds) {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [unit, name, part, partName] =
    whole < 3600 ? [60, "min", 1, "s"] : whole < 86400 ? [3600, "h", 60, "min"] : [86400, "d", 3600, "h"];
  const rest = Math.floor((whole % unit) / part);
  return `${Math.floor(whole / unit)} ${name}${rest ? ` ${rest} ${partName}` : ""}`;
}

const clock = (unix) => CLOCK.format(new Date(unix * 1000));

/** 1:05 */
const playTime = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

const plural = (count, word) => `${NUMBER(0).format(count)} ${word}${count === 1 ? "" : "s"}`;

/** Times that the page was written with in UTC, in the reader's own zone. */
function localTimes() {
  for (const node of document.querySelectorAll("[data-unix]")) {
    const unix = Number(node.dataset.unix);
    node.textContent = (node.localName === "time" ? CLOCK : SHORT_CLOCK).format(new Date(unix * 1000));
  }
}
