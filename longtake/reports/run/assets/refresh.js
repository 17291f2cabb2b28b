// While the run goes on the page loads itself anew, and the reader finds everything where it was.

const EVERY_SECONDS = SHOT_COUNT > 2000 ? 20 : 5;
const STALE_SECONDS = 150;
const REST_SECONDS = 3;
let touchedAt = 0;
let leaving = false;
let loadedAt = Date.now();

/** Why the page must not be loaded anew just now. */
function reasonToWait() {
  if (kept.get("paused")) return "Refresh is paused";
  if ([...document.querySelectorAll("video")].some((film) => film.currentTime > 0 && !film.ended)) return "Refresh waits for the film";
  if (deskWaits()) return deskWaits();
  if (byId("keys").open || String(getSelection())) return "Refresh waits for you";
  return "";
}

function tick() {
  const age = Date.now() / 1000 - DATA.written_at;
  const stale = age > STALE_SECONDS;
  const wait = reasonToWait();
  byId("refresh-words").textContent = wait || (stale ? `Not heard of for ${duration(age)}: the run hangs or is gone; run again` : `Refreshes every ${EVERY_SECONDS} s`);
  byId("refresh-pause").textContent = kept.get("paused") ? "Go on" : "Pause";
  const due = Date.now() - loadedAt >= (stale ? 60 : EVERY_SECONDS) * 1000;
  if (due && !leaving && !wait && !document.hidden && Date.now() - touchedAt > REST_SECONDS * 1000) {
    leaving = true;
    rememberPlace();
    location.reload();
  }
}

function rememberPlace() {
  const inSight = (edge) => shown.find(({ card: made }) => made?.isConnected && edge(made.getBoundingClientRect()));
  const reel = inSight(({ top }) => top >= 0 && top < innerHeight) ?? inSight(({ bottom }) => bottom > 0);
  const inList = byId("list").getBoundingClientRect().top < 0;
  kept.set("place", {
    top: scrollY, focus: document.activeElement?.id, typed: byId("search").value,
    reel: inList && reel ? reel.place : null, offset: inList && reel ? reel.card.getBoundingClientRect().top : 0,
  });
  kept.set("opened", [...opened]);
}

/** Puts the window back to where it was before the last refresh. */
function restorePlace() {
  const place = kept.get("place");
  kept.set("place", null);
  if (!place) return;
  byId(place.focus)?.focus({ preventScroll: true });
  const at = shown.findIndex((reel) => reel.place === place.reel);
  if (at < 0) { scrollTo(0, place.top); return; }
  if (at >= laidOut) layOut(at + 1 - laidOut);
  shown.slice(at, at + 6).forEach(build);
  const settle = () => scrollBy(0, shown[at].card.getBoundingClientRect().top - place.offset);
  settle();
  // The cards above take their true height only when they are painted.
  requestAnimationFrame(() => requestAnimationFrame(settle));
}

function startRefreshing() {
  if (DATA.finished) return;
  history.scrollRestoration = "manual";
  for (const name of ["keydown", "pointerdown", "wheel", "touchmove"]) addEventListener(name, () => { touchedAt = Date.now(); }, { passive: true });
  byId("refresh").hidden = false;
  byId("refresh-pause").addEventListener("click", () => { kept.set("paused", !kept.get("paused")); loadedAt = Date.now(); tick(); });
  setInterval(tick, 1000);
  tick();
}
