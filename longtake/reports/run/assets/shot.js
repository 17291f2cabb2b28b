// One shot: what was asked, how it ended, what it cost, and what to do about it.

const LONG_PROMPT = 280;

function badge(shot) {
  const { label, tone } = verdictOf(shot);
  return element("span", { class: `badge ${tone}` }, icon(tone), label);
}

/** The words of a shot: prompt, reason, next action. */
function prompt(shot) {
  if (!shot.prompt) return null;
  const long = shot.prompt.length > LONG_PROMPT || shot.prompt.split("\n").length > 3;
  const words = element("p", { class: long ? "prompt long" : "prompt", dir: "auto" }, shot.prompt);
  if (!long) return words;
  const whole = element("button", {
    type: "button", class: "whole-button", "aria-expanded": "false",
    onclick: () => {
      const shown = words.classList.toggle("whole");
      whole.setAttribute("aria-expanded", String(shown));
      whole.textContent = shown ? "Less of the prompt" : "Whole prompt";
    },
  }, "Whole prompt");
  return [words, whole];
}

function why(shot) {
  if (isDone(shot) || !(shot.evidence || shot.next_action)) return null;
  return element("div", { class: `why ${verdictOf(shot).tone}` },
    shot.evidence ? element("p", { class: "reason", dir: "auto" }, shot.evidence) : null,
    shot.next_action ? element("p", { class: "next" }, icon("next"), coded(shot.next_action)) : null);
}

/** What was noted of a clip that passed. */
function noted(shot) {
  return shot.warnings ? element("p", { class: "reason noted", dir: "auto" }, shot.warnings) : null;
}

/** How long a shot took, from buying to having it. */
function took(shot) {
  const end = shot.downloaded_at ?? shot.finished_at;
  return shot.submitted_at && end > shot.submitted_at ? duration(end - shot.submitted_at) : "";
}

function vendorWords(shot) {
  return [shot.vendor, shot.wire_model].filter(Boolean).join(" · ");
}

const SHEET = [
  ["Row", (shot) => String(shot.row)],
  ["Take", (shot) => (shot.take ? String(shot.take) : "")],
  ["Job", (shot) => shot.job_id],
  ["Model", (shot) => shot.wire_model],
  ["Continues from", (shot) => shot.continues_from],
  ["Picture", (shot) => (shot.width ? `${shot.width}×${shot.height} px` : "")],
  ["Length", (shot) => (shot.clip_seconds ? `${shot.clip_seconds.toFixed(2)} s` : "")],
  ["Marks", (shot) => shot.marks],
  ["Price", (shot) => money(shot.price_low_usd, shot.price_high_usd)],
  ["Submitted", (shot) => shot.submitted_at && clock(shot.submitted_at)],
  ["Seen running", (shot) => shot.started_running_at && clock(shot.started_running_at)],
  ["Finished", (shot) => shot.finished_at && clock(shot.finished_at)],
  ["Downloaded", (shot) => shot.downloaded_at && clock(shot.downloaded_at)],
];

function sheet(rows) {
  return element("dl", { class: "sheet" }, rows.filter(([, words]) => words)
    .map(([label, words]) => element("div", {}, element("dt", {}, isolated(label)), element("dd", { dir: "auto" }, words))));
}

/** Everything that is known of a shot, folded away. Made when it is opened. */
function details(shot) {
  const name = `shot ${shot.shot_id} ${shot.row} ${shot.take ?? ""}`;
  const box = element("details", { ontoggle: rememberOpen(name) }, element("summary", {}, "Details", element("span", { class: "unseen" }, ` of ${shot.shot_id}`)));
  const fill = () => {
    if (!box.open || box.querySelector("dl")) return;
    const usage = Object.entries(shot.usage ?? {}).map(([unit, amount]) => [`Vendor’s ${unit}`, String(amount)]);
    box.append(sheet([...SHEET.map(([label, tell]) => [label, tell(shot)]), ...usage, ...Object.entries(shot.extra ?? {})]));
  };
  box.addEventListener("toggle", fill);
  if (opened.has(name)) box.open = true;
  fill();
  return box;
}

function clipLink(shot) {
  return shot.clip ? element("a", { href: shot.clip }, "Open clip", element("span", { class: "unseen" }, ` of ${shot.shot_id}`)) : null;
}

/** A shot in the list of its reel. */
function shotItem(shot) {
  const facts = [vendorWords(shot), shot.clip_seconds ? `${shot.clip_seconds.toFixed(1)} s` : "", took(shot) && `took ${took(shot)}`];
  return element("li", { class: "shot" },
    element("div", { class: "shot-head" }, element("b", {}, isolated(shot.shot_id)), badge(shot),
      takeWords(shot) ? element("span", { class: "facts" }, takeWords(shot)) : null,
      element("span", { class: "price" }, money(shot.price_low_usd, shot.price_high_usd) || "price unknown")),
    element("div", { class: "facts" }, facts.filter(Boolean).map((words) => element("span", {}, isolated(words)))),
    prompt(shot), why(shot), noted(shot),
    element("div", { class: "more" }, clipLink(shot), details(shot)));
}
