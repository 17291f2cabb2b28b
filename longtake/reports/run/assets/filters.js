// Choosing reels by verdict, vendor and words, and the order they stand in.

const ORDERS = {
  worst: (reel) => -unfinished(reel) / (reel.shots.length || 1),
  dearest: (reel) => -(reelPrice(reel)[1] ?? -1),
  longest: (reel) => -filmSeconds(reel),
};

function shotFits(shot) {
  return (!choice.verdicts.size || choice.verdicts.has(shot.verdict)) && (!choice.vendor || (shot.vendor ?? "") === choice.vendor);
}

/** All words of a reel, in lower case; gathered at the first search. */
function haystack(reel) {
  reel.haystack ??= [reel.name, reel.note, ...reel.shots.flatMap((shot) => [
    shot.shot_id, shot.prompt, shot.evidence, shot.job_id, shot.vendor, shot.wire_model, ...Object.values(shot.extra ?? {}),
  ])].filter(Boolean).join("\n").toLowerCase();
  return reel.haystack;
}

function chosen() {
  const words = choice.words.toLowerCase().split(/\s+/).filter(Boolean);
  const anyShot = !choice.verdicts.size && !choice.vendor;
  return REELS.filter((reel) => (anyShot || reel.shots.some(shotFits)) && words.every((word) => haystack(reel).includes(word)));
}

/** The reels that are shown, in their order. */
let shown = [];

function applyChoice() {
  shown = chosen();
  const key = ORDERS[choice.order];
  if (key) shown = shown.map((reel) => [key(reel), reel]).sort((a, b) => a[0] - b[0] || a[1].place - b[1].place).map(([, reel]) => reel);
  const shots = choice.verdicts.size || choice.vendor ? sum(shown.map((reel) => reel.shots.filter(shotFits).length)) : null;
  byId("found").textContent = (shown.length === REELS.length ? plural(REELS.length, "reel") : `${shown.length} of ${plural(REELS.length, "reel")}`)
    + (shots === null ? "" : `, ${plural(shots, "shot")}`);
  for (const chip of document.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", String(choice.verdicts.has(chip.dataset.verdict)));
  byId("vendor").value = choice.vendor;
  byId("order").value = choice.order;
  byId("clear").hidden = !(choice.words || choice.vendor || choice.verdicts.size);
  if (document.activeElement !== byId("search")) byId("search").value = choice.words;
  saveChoice();
  showReels();
  for (const reel of shown) if (reel.card?.classList.contains("built")) dim(reel);
}

function clearChoice() {
  Object.assign(choice, { words: "", vendor: "", verdicts: new Set() });
  byId("search").value = "";
  applyChoice();
}

function listenToFilters() {
  let soon = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(() => { choice.words = byId("search").value; applyChoice(); }, 90);
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const name of ["vendor", "order"]) byId(name).addEventListener("change", (event) => { choice[name] = event.target.value; applyChoice(); });
  byId("clear").addEventListener("click", clearChoice);
  for (const chip of document.querySelectorAll(".chip")) {
    chip.addEventListener("click", () => {
      choice.verdicts.delete(chip.dataset.verdict) || choice.verdicts.add(chip.dataset.verdict);
      applyChoice();
    });
  }
  for (const button of document.querySelectorAll(".show")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      clearChoice();
      choice.verdicts.add(button.dataset.verdict);
      applyChoice();
      byId("reels").scrollIntoView();
    });
  }
}
