// What was decided in this window and is not yet the output's: steps that can be undone, kept over a refresh.
// A decision binds to a purchase and the bytes of its clip; where those are no longer there, it is dropped.

const REVIEWS = REELS.flatMap((reel) => reel.shots).filter((shot) => shot.takes);
const STORED = `longtake-decisions ${DATA.output}`;
const canStore = (() => {
  try { localStorage.setItem("longtake-try", "1"); localStorage.removeItem("longtake-try"); return true; } catch { return false; }
})();

/** `steps` are the choices in their order, `saved` what the last saved file says of each shot. */
const decided = { steps: [], saved: {}, why: {}, by: "" };

const waits = (shot) => shot.review === "waiting" || shot.review === "expired";
const canChoose = (take) => Boolean(take.clip && take.purchase && take.sha256);

/** What a choice binds to: the purchase and bytes of the take, of a rejection all that are here; null where it cannot be made. */
function boundBy(shot, choice) {
  const takes = shot.takes.filter((take) => canChoose(take) && (choice === "reject" || String(take.number) === choice));
  if (!takes.length) return null;
  return { purchase: takes.map((take) => take.purchase).join("|"), sha256: takes.map((take) => take.sha256).join("|") };
}

/** What was decided of a shot here, null where nothing was, or what the output says already. */
function decisionOf(shot) {
  const last = decided.steps.findLast((step) => step.shot === shot.shot_id);
  return last && last.choice !== ruledChoice(shot) ? last : null;
}
const decisions = () => REVIEWS.map((shot) => [shot, decisionOf(shot)]).filter(([, decision]) => decision);
const wordsOf = (shot, { choice, sha256 }) => [choice, sha256, decided.why[shot.shot_id], decided.by].join("\n");
const unsaved = () => decisions().filter(([shot, decision]) => decided.saved[shot.shot_id] !== wordsOf(shot, decision));

/** Decides; false where that cannot be chosen, or is what stands already. */
function decide(shot, choice) {
  const bound = boundBy(shot, choice);
  const stands = decisionOf(shot)?.choice ?? ruledChoice(shot);
  if (!bound || stands === choice) return false;
  decided.steps.push({ shot: shot.shot_id, choice, ...bound });
  store();
  return true;
}

/** Takes the last step back; the shot that it was about, or null. */
function undo() {
  const step = decided.steps.pop();
  store();
  return step ? REVIEWS.find((shot) => shot.shot_id === step.shot) : null;
}

/** What the output itself says was decided of a shot. */
const ruledChoice = (shot) => (shot.review === "rejected" ? "reject" : shot.review === "chosen" && shot.chosen ? String(shot.chosen) : null);

function store() {
  if (!canStore) return;
  try { localStorage.setItem(STORED, JSON.stringify(decided)); } catch { /* full: it stays in this window */ }
}

/** Reads what was kept; how many choices had to be dropped because their takes are no longer the same. */
function readDecisions() {
  let stored = null;
  try { stored = canStore ? JSON.parse(localStorage.getItem(STORED)) : null; } catch { /* not ours */ }
  if (!stored || !Array.isArray(stored.steps)) return 0;
  const byName = new Map(REVIEWS.map((shot) => [shot.shot_id, shot]));
  const stands = ({ shot: name, choice, purchase, sha256 }) => {
    const bound = byName.has(name) ? boundBy(byName.get(name), choice) : null;
    return bound?.purchase === purchase && bound.sha256 === sha256;
  };
  const steps = stored.steps.filter(stands);
  Object.assign(decided, { steps, saved: stored.saved ?? {}, why: stored.why ?? {}, by: stored.by ?? "" });
  for (const shot of REVIEWS.filter((each) => steps.some((step) => step.shot === each.shot_id) && !decisionOf(each))) {  // it has arrived
    decided.steps = decided.steps.filter((step) => step.shot !== shot.shot_id);
    delete decided.saved[shot.shot_id];
    delete decided.why[shot.shot_id];
  }
  store();
  return stored.steps.length - steps.length;
}
