// The run as data, and what the reader has chosen: filters in the address, the rest for this window only.

const DATA = JSON.parse(byId("data").textContent);
const REELS = DATA.reels;
const SHOT_COUNT = REELS.reduce((sum, reel) => sum + reel.shots.length, 0);
REELS.forEach((reel, place) => { reel.place = place; });

const verdictOf = (shot) => DATA.verdicts[shot.verdict] ?? { label: shot.verdict, tone: "care", done: false };
const isDone = (shot) => verdictOf(shot).done;
const unfinished = (reel) => reel.shots.filter((shot) => !isDone(shot)).length;

const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);
/** One take of each shot is what the film shows; further ones stand beside it. */
const inFilm = (shot) => shot.in_film !== false;
const filmShots = (reel) => reel.shots.filter(inFilm);
const filmSeconds = (reel) => sum(filmShots(reel).filter(isDone).map((shot) => shot.clip_seconds));
const takeWords = (shot) => (shot.variants ? `take ${shot.take}${inFilm(shot) ? ", in the film" : ""}` : shot.take > 1 ? `take ${shot.take}` : "");
const shotWords = (reel) => [plural(filmShots(reel).length, "shot"),
  reel.shots.length > filmShots(reel).length ? plural(reel.shots.length - filmShots(reel).length, "further take") : ""].filter(Boolean).join(", ");

function reelPrice(reel) {
  const bounds = ["price_low_usd", "price_high_usd"];
  if (!reel.shots.every((shot) => bounds.every((name) => typeof shot[name] === "number"))) return [];
  return bounds.map((name) => sum(reel.shots.map((shot) => shot[name])));
}

/** What the reader has chosen. */
const choice = { words: "", vendor: "", order: "", verdicts: new Set() };

function readChoice() {
  const saved = new URLSearchParams(location.hash.slice(1));
  choice.words = saved.get("q") ?? "";
  choice.vendor = saved.get("vendor") ?? "";
  choice.order = saved.get("order") ?? "";
  choice.verdicts = new Set((saved.get("verdict") ?? "").split(",").filter((name) => name in DATA.verdicts));
}

function saveChoice() {
  const saved = new URLSearchParams();
  if (choice.words) saved.set("q", choice.words);
  if (choice.vendor) saved.set("vendor", choice.vendor);
  if (choice.order) saved.set("order", choice.order);
  if (choice.verdicts.size) saved.set("verdict", [...choice.verdicts].join(","));
  try {
    history.replaceState(null, "", saved.size ? `#${saved}` : location.pathname + location.search);
  } catch { /* some browsers allow no address of one's own for files */ }
}

/** Values kept for this window; a browser that keeps nothing for files starts afresh. */
const kept = {
  get(name) {
    try { return JSON.parse(sessionStorage.getItem(`longtake-${name}`)); } catch { return null; }
  },
  set(name, value) {
    try { sessionStorage.setItem(`longtake-${name}`, JSON.stringify(value)); } catch { /* see above */ }
  },
};

/** Names of reels and shots whose details stand open. */
const opened = new Set(kept.get("opened") ?? []);

function rememberOpen(name) {
  return (event) => { event.target.open ? opened.add(name) : opened.delete(name); };
}
