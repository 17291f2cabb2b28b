// The keyboard and the two buttons at the top.

function nextUnfinished(from, step) {
  for (let place = from + step; place >= 0 && place < shown.length; place += step) if (unfinished(shown[place])) return place;
  return from;
}

const KEYS = {
  "/": () => byId("search").focus(),
  "?": () => byId("keys").showModal(),
  j: () => goTo(Math.min(shown.length - 1, currentPlace() + 1)),
  k: () => goTo(Math.max(0, currentPlace() - 1)),
  n: () => goTo(nextUnfinished(currentPlace(), 1)),
  p: () => goTo(nextUnfinished(currentPlace(), -1)),
  o: () => { const list = focusedCard()?.querySelector("details.shots, details"); if (list) list.open = !list.open; },
  Escape: clearChoice,
};

const focusedCard = () => document.activeElement?.closest?.(".reel");

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const typing = event.target.closest?.("input:not([type=range]), select, textarea");
  if (typing && event.key !== "Escape") return;
  if (event.key === "Enter" && event.target.classList?.contains("reel")) {
    event.preventDefault();
    const film = event.target.querySelector("video");
    if (film) film.paused ? begin(film) : film.pause();
  } else if (!typing && onDeskKey(event.key)) {
    event.preventDefault();
  } else if (Object.hasOwn(KEYS, event.key)) {
    event.preventDefault();
    if (typing) typing.blur();
    KEYS[event.key]();
  }
}

const THEMES = ["auto", "light", "dark"];

function showTheme() {
  byId("theme").textContent = `Theme: ${document.documentElement.dataset.theme ?? "auto"}`;
}

function nextTheme() {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
  if (next === "auto") delete root.dataset.theme;
  else root.dataset.theme = next;
  try { localStorage.setItem("longtake-theme", next); } catch { /* kept for this page only */ }
  showTheme();
}

function listenToKeys() {
  document.addEventListener("keydown", onKey);
  byId("theme").addEventListener("click", nextTheme);
  byId("keys-button").addEventListener("click", () => byId("keys").showModal());
  showTheme();
}
