// `decisions.csv`, as `longtake decide` reads it. A cell that a spreadsheet would take for a formula gets a ' before it.

const COLUMNS = ["shot_id", "choice", "take", "purchase", "sha256", "by", "why", "expires_at"];
const FORMULA = /^(?:[\s\p{Z}"'`]*[=+\-@＝＋－＠]|[\t\r])/u;
const DECISIONS_FILE = "decisions.csv";

function csvCell(text) {
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /^\s|\s$|[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

const csvLine = (cells) => `${cells.map(csvCell).join(",")}\r\n`;

function decisionsFile() {
  const lines = decisions().map(([shot, { choice, purchase, sha256 }]) => csvLine(
    [shot.shot_id, choice, choice === "reject" ? "" : choice, purchase, sha256, decided.by, decided.why[shot.shot_id] ?? "", ""]));
  return csvLine(COLUMNS) + lines.join("");
}

/** Has the browser save the file: from disk there is no server to send it to. */
function saveDecisions() {
  const address = URL.createObjectURL(new Blob([decisionsFile()], { type: "text/csv;charset=utf-8" }));
  element("a", { href: address, download: DECISIONS_FILE }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  for (const [shot, decision] of decisions()) decided.saved[shot.shot_id] = wordsOf(shot, decision);
  store();
}

/** A word as a shell takes it. */
const shellWord = (text) => (/^[\w@%+=:,.\/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const decideCommand = () => `longtake decide --output ${shellWord(DATA.output)} ${DECISIONS_FILE}`;
