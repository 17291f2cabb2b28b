// The takes of one shot played in step and scrubbed together: the longest leads, the others keep to its time.
// Films are loaded with the first play or scrub, and let go when another shot's are: a browser has decoders for few.

const APART_SECONDS = 0.25;
const NUDGE = 0.1;
const PICTURE_SECONDS = 1 / 24;
let playingSet = null;

/** The films of one shot. `onChange` is called whenever time or state changed. */
class InStep {
  constructor(films, seconds, onChange) {
    this.films = films;
    this.seconds = seconds;
    this.onChange = onChange;
    this.at = 0;
    this.playing = false;
    this.loop = true;
    this.turn = 0;
  }

  /** The film whose time is everybody's. */
  get leader() { return this.films.reduce((long, film) => ((film.duration || 0) > (long?.duration || 0) ? film : long), this.films[0]); }

  /** Loads the films, and lets go of those of the shot that had them before. */
  async load() {
    if (playingSet !== this) { playingSet?.unload(); playingSet = this; }
    for (const other of document.querySelectorAll("video")) if (!this.films.includes(other)) other.pause();
    await Promise.all(this.films.map((film) => new Promise((ready) => {
      if (film.readyState >= 2) { ready(); return; }
      for (const end of ["loadeddata", "error"]) film.addEventListener(end, ready, { once: true });
      if (!film.getAttribute("src")) { film.preload = "auto"; film.src = film.dataset.source; }
    })));
    this.seconds = this.leader?.duration || this.seconds;
  }

  unload() {
    this.pause();
    for (const film of this.films) { film.removeAttribute("src"); film.load(); }
  }

  async play() {
    const mine = ++this.turn;
    this.playing = true;
    this.onChange();
    await this.load();
    if (mine !== this.turn) return;
    if (!this.films.length) { this.pause(); return; }
    if (this.at >= this.seconds - PICTURE_SECONDS) this.at = 0;
    for (const film of this.films) film.currentTime = Math.min(this.at, film.duration || 0);
    await Promise.all(this.films.map((film) => film.play().catch(() => { /* told by its error event */ })));
    if (mine === this.turn) requestAnimationFrame(() => this.keepStep(mine));
  }

  pause() {
    this.turn += 1;
    this.playing = false;
    for (const film of this.films) { film.pause(); film.playbackRate = 1; }
    this.onChange();
  }

  toggle() { this.playing ? this.pause() : this.play(); }

  /** While it plays: each film hurries or lingers by what it is apart, and is set anew where that is much. */
  keepStep(mine) {
    if (mine !== this.turn) return;
    const lead = this.leader;
    if (lead.ended) {
      this.at = this.seconds;
      if (this.loop) { this.at = 0; this.play(); } else this.pause();
      return;
    }
    if (lead.paused) { this.pause(); return; }  // another film was begun
    this.at = lead.currentTime;
    for (const film of this.films) {
      if (film === lead || film.ended || this.at >= film.duration) continue;
      const apart = this.at - film.currentTime;
      if (Math.abs(apart) > APART_SECONDS && !film.seeking) film.currentTime = this.at;
      film.playbackRate = 1 + Math.max(-NUDGE, Math.min(NUDGE, apart));
    }
    this.onChange();
    requestAnimationFrame(() => this.keepStep(mine));
  }

  /** Shows all films at one time. */
  async scrub(seconds) {
    if (this.playing) this.pause();
    this.at = Math.max(0, Math.min(this.seconds, seconds));
    this.onChange();
    await this.load();
    for (const film of this.films) this.seek(film);
  }

  /** Sets a film to the time that is wanted when it is free: seeks do not pile up while one drags. */
  seek(film) {
    const wanted = Math.min(this.at, Math.max(0, (film.duration || 0) - PICTURE_SECONDS / 2));
    if (film.seeking || Math.abs(film.currentTime - wanted) < 0.001) return;
    film.addEventListener("seeked", () => { if (!this.playing) this.seek(film); }, { once: true });
    film.currentTime = wanted;
  }
}
