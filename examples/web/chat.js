// The chat page: one room at a time over one WebSocket, JSON text messages.
//
//   page -> server   {type: "message", text, ref}
//   server -> page   {type: "welcome", room, you, name, users: [name, ...]}
//                    {type: "join" | "leave", name, users: count, at}
//                    {type: "message", from, name, text, at, echo?}     {type: "error", text}
//
// A message is pending until its echo arrives. The page resends messages that a broken or abandoned connection left
// pending, with the same `ref`. If the server knows the `ref`, it echoes the message again and sends it to nobody else.
//
// Link keeps the connection alive and knows nothing of chat, Log draws the conversation, the rest connects them to the
// page. Text from a peer enters the document as text, never as markup.

const SUGGESTED = { lobby: 200, "engine-room": 40, python: 262, cpp: 338, coffee: 148 }; // room: hue
const HUES = [262, 300, 338, 12, 40, 148, 172, 200, 228];
const MAX_TEXT = 4000, COUNTER_FROM = 3600, MAX_LINES = 500, GROUP_MS = 5 * 60_000;
const CONNECT_MS = 10_000, ECHO_MS = 10_000, RENAME_MS = 3000, BACKOFF_MS = 500, BACKOFF_CAP_MS = 5000;

const $ = (id) => document.getElementById(id);
const root = document.documentElement, input = $("composer-input"), narrow = matchMedia("(max-width: 760px)");
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

function create(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** One line of at most `length` characters; no control characters, and none that encodeURIComponent refuses. */
function tidy(value, length) {
  const line = String(value ?? "").replace(/\p{Cs}/gu, "\ufffd").replace(/[\p{Cc}\s]+/gu, " ").normalize("NFC");
  return [...line.trim()].slice(0, length).join("").trim();
}

/** The hue of a name, the same on every screen (FNV-1a of the name). */
function hueOf(name) {
  let hash = 0x811c9dc5;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193);
  return HUES[(hash >>> 0) % HUES.length];
}
const roomHue = (name) => (Object.hasOwn(SUGGESTED, name) ? SUGGESTED[name] : hueOf(name));

function paintAvatar(element, name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const initials = (words.length > 1 ? [words[0], words.at(-1)] : words).map((word) => [...word][0]);
  element.textContent = initials.join("").toUpperCase() || "?";
  element.style.setProperty("--hue", hueOf(name));
  return element;
}

/** localStorage, which a browser may deny. */
const memory = {
  get(key) { try { return localStorage.getItem(`proapi.chat.${key}`); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(`proapi.chat.${key}`, value); } catch { /* a visit without memory */ } },
};

/** A connection that reconnects. `state` is idle, connecting, connected (from the welcome on) or waiting (until
 * `dueAt`). Calls `onChange()` after each change of `state`, and `onFrame(object)` for each JSON message. */
class Link {
  state = "idle";
  dueAt = 0;
  #url; #socket; #timer; #since; #attempts = 0;
  constructor(onChange, onFrame) { Object.assign(this, { onChange, onFrame }); }
  send(frame) { this.#socket.send(JSON.stringify(frame)); }
  open(url) { [this.#url, this.#attempts] = [url, 0]; this.#connect(); }
  /** Reconnects at once if it is waiting: the network is back, or the page is visible again. */
  wake() { if (this.state === "waiting") this.#connect(); }
  /** The connection is dead, or seems to be. Does not wait for its closing handshake, which may never end. */
  drop() {
    if (this.state !== "connecting" && this.state !== "connected") return;
    // Back off from a server that crashes right after the welcome, as from one that is not there.
    if (this.state === "connected" && Date.now() - this.#since > BACKOFF_CAP_MS) this.#attempts = 0;
    this.#release();
    const limit = Math.min(BACKOFF_CAP_MS, BACKOFF_MS * 2 ** this.#attempts++);
    const delay = limit * (0.5 + Math.random() / 2); // so that not all pages reconnect to a restarted server at once
    this.dueAt = Date.now() + delay;
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#become("waiting");
  }
  #connect() {
    this.#release();
    const socket = this.#socket = new WebSocket(this.#url);
    this.#timer = setTimeout(() => this.drop(), CONNECT_MS);
    socket.onclose = () => this.drop();
    socket.onmessage = ({ data }) => {
      let frame;
      try { frame = JSON.parse(data); } catch { return; }
      if (frame?.type === "welcome") {
        clearTimeout(this.#timer);
        this.#since = Date.now();
        this.#become("connected");
      }
      if (frame) this.onFrame(frame);
    };
    this.#become("connecting");
  }
  #release() {
    clearTimeout(this.#timer);
    if (!this.#socket) return;
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
  }
  #become(state) { this.state = state; this.onChange(); }
}

/** The conversation, in the server's order, with pending messages below it. It scrolls to the newest line while its end
 * is in view, and does not scroll otherwise. */
class Log {
  #list = $("messages"); #scroller = $("scroller"); #template = $("message-template").content.firstElementChild;
  #following = true; #unseen = 0; #frame = 0;
  constructor() {
    // Not the scroll event: it comes a frame late, and would mistake a line that was just added for the reader scrolling.
    new IntersectionObserver((entries) => {
      this.#following = entries.at(-1).isIntersecting;
      if (this.#following) this.#showUnseen(0);
    }, { root: this.#scroller, rootMargin: "0px 0px 60px 0px" }).observe($("end"));
    new ResizeObserver(() => { if (this.#following) this.#toEnd(); }).observe(this.#scroller); // keyboard, tall composer
    $("pill").addEventListener("click", () => { this.follow(); input.focus(); });
  }
  clear() { this.#list.replaceChildren(); $("empty").hidden = false; this.follow(); }
  follow() {
    this.#following = true;
    this.#showUnseen(0);
    this.#frame ||= requestAnimationFrame(() => this.#toEnd());
  }
  /** Adds a line about the room; `parts` are texts (strings) and names (elements). */
  system(parts, at = Date.now(), kind = "note") {
    const line = create("p", { title: clock.format(at) }, create("span", {}, ...parts));
    Object.assign(line.dataset, { testid: "system-line", kind });
    this.#place(line);
  }
  /** Draws a message and returns its element; consecutive messages of the same `author` may be grouped. */
  message({ author, name, text, at, own, state }) {
    const element = this.#template.cloneNode(true);
    Object.assign(element.dataset, { author, own, state });
    element.style.setProperty("--hue", hueOf(name));
    paintAvatar(element.querySelector(".avatar"), name);
    element.querySelector(".author").textContent = name;
    element.querySelector(".text").textContent = text;
    this.#stamp(element, name, at);
    $("empty").hidden = true;
    this.#place(element);
    if (own) this.follow();
    else if (!this.#following) this.#showUnseen(this.#unseen + 1);
    return element;
  }
  /** The server has sent a pending message to all: moves it to its place in the server's order. */
  settle(element, name, at) {
    const next = this.#firstPending();
    if (next !== element) next.before(element);
    element.dataset.state = "sent";
    this.#stamp(element, name, at);
    this.#group(element);
  }
  #firstPending() { return this.#list.querySelector('[data-state="pending"]'); }
  #toEnd() { this.#frame = 0; this.#scroller.scrollTop = this.#scroller.scrollHeight; }
  #place(element) {
    this.#list.insertBefore(element, element.dataset.state === "pending" ? null : this.#firstPending());
    this.#group(element);
    const old = [...this.#list.children].slice(0, -MAX_LINES);
    for (const each of old) if (each.dataset.state === "sent" || each.dataset.kind) each.remove();
    if (this.#following) this.follow();
  }
  #group(element) {
    for (const each of [element, element.nextElementSibling]) {
      const before = each?.previousElementSibling?.dataset, { author, at } = each?.dataset ?? {};
      each?.classList.toggle("grouped", Boolean(author) && before?.author === author && at - before.at < GROUP_MS);
    }
  }
  #stamp(element, name, at) {
    Object.assign(element.dataset, { name, at });
    Object.assign(element.querySelector("time"), { textContent: clock.format(at), dateTime: new Date(at).toISOString() });
  }
  #showUnseen(count) {
    this.#unseen = count;
    Object.assign($("pill"), { hidden: !count, textContent: `${count} new ${count === 1 ? "message" : "messages"}` });
  }
}

// ---- The room ----
const query = new URLSearchParams(location.search);
const log = new Log();
const link = new Link(showStatus, (frame) => { if (Object.hasOwn(on, frame.type)) on[frame.type](frame); });
const drafts = new Map(); // room -> text in its composer
const outbox = []; // pending, in all rooms, oldest first: {ref, room, text, at, sentAt, element}
let name = tidy(query.get("name") ?? memory.get("name"), 32);
let room = "", you, members = [], count = 0, membersFrame = 0;
let joined = false, lostAt = 0; // whether this room has welcomed us, and since when it is unreachable
let renamed = false; // the connection was dropped for one with another name

const here = () => `${count} here`, person = (who) => create("bdi", {}, who);
const on = {
  welcome(frame) {
    you = frame.you;
    const shown = tidy(frame.name, 64) || name;
    showMe(shown);
    setMembers((frame.users ?? []).map(String));
    const away = Date.now() - (lostAt || Date.now());
    const what = !joined ? ["You joined"] : renamed && away < RENAME_MS ? ["You are now ", person(shown)]
      : [`Back after ${Math.ceil(away / 1000)} s`];
    log.system([...what, ` · ${here()}`]);
    [joined, lostAt, renamed] = [true, 0, false];
    for (const entry of outbox) entry.sentAt = 0; // resend what the last connection left pending
    flush();
  },
  join(frame) {
    if (frame.users <= members.length) return; // our own join, which the welcome has already reported
    setMembers([...members, String(frame.name)], frame.users);
    log.system([person(frame.name), ` joined · ${here()}`], frame.at, "presence");
  },
  leave(frame) {
    const gone = members.lastIndexOf(String(frame.name));
    setMembers(members.filter((_, index) => index !== gone), frame.users);
    log.system([person(frame.name), ` left · ${here()}`], frame.at, "presence");
  },
  message(frame) {
    const index = outbox.findIndex((entry) => entry.ref === frame.echo);
    const from = String(frame.name), own = frame.from === you, { at } = frame;
    if (index >= 0) return log.settle(outbox.splice(index, 1)[0].element, from, at);
    log.message({ author: own ? "me" : `${frame.from} ${from}`, name: from, text: String(frame.text), at, own, state: "sent" });
  },
  error(frame) {
    log.system([String(frame.text)], Date.now(), "error");
    const index = outbox.findIndex((entry) => entry.sentAt); // answers come in order, so this is for the oldest one sent
    if (index < 0) return;
    const [{ element, text }] = outbox.splice(index, 1);
    element.remove();
    input.value = [text, input.value].filter(Boolean).join("\n");
    composed();
  },
};

function enter(next) {
  drafts.set(room, input.value);
  room = next;
  [joined, lostAt, renamed] = [false, 0, false];
  root.style.setProperty("--room-hue", roomHue(room));
  Object.assign($("room-name"), { textContent: room, title: room });
  log.clear();
  setMembers([]);
  showRooms();
  document.title = `#${room} · ProAPI chat`;
  input.value = drafts.get(room) ?? "";
  composed();
  outbox.filter((entry) => entry.room === room).forEach(show);
  connect();
}
function connect() {
  if (!name) return askName();
  const origin = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}`;
  link.open(`${origin}/chat/${encodeURIComponent(room)}?name=${encodeURIComponent(name)}`);
}

function show(entry) { entry.element = log.message({ ...entry, author: "me", name, own: true, state: "pending" }); }
function flush() {
  if (link.state !== "connected") return;
  for (const entry of outbox.filter((each) => each.room === room && !each.sentAt)) {
    entry.sentAt = Date.now();
    link.send({ type: "message", text: entry.text, ref: entry.ref });
  }
}

// ---- The page ----
function setMembers(names, total = names.length) {
  [members, count] = [names, total];
  $("user-count").textContent = count ? here() : "";
  $("empty-hint").textContent = count > 1 ? "Nobody has said anything since you came. Say something."
    : "Say something, or open this page in a second window and talk to yourself.";
  membersFrame ||= requestAnimationFrame(showMembers); // a thousand members may join at once
}
function showMembers() {
  membersFrame = 0;
  const avatar = (each) => paintAvatar(create("span", { className: "avatar", ariaHidden: "true" }), each);
  const shown = members.slice(0, 100).sort((a, b) => a.localeCompare(b));
  const rows = shown.map((each) => create("li", {}, avatar(each), create("bdi", { title: each }, each)));
  if (count > rows.length) rows.push(create("li", { className: "more" }, `and ${count - rows.length} more`));
  $("members").replaceChildren(...rows);
}
function showRooms() {
  const left = outbox.map((entry) => entry.room).filter((each) => each !== room); // with messages pending
  const visited = new Set([room, ...left, ...(memory.get("rooms") ?? "").split("\n")]);
  const others = [...visited].filter((each) => each && !Object.hasOwn(SUGGESTED, each)).slice(0, 5);
  memory.set("rooms", others.join("\n"));
  $("rooms").replaceChildren(...[...Object.keys(SUGGESTED), ...others].map((each) => {
    const anchor = create("a", { href: `#${encodeURIComponent(each)}` }, create("bdi", { title: each }, each));
    Object.assign(anchor.dataset, { testid: "room-link", room: each });
    anchor.style.setProperty("--hue", roomHue(each));
    if (each === room) anchor.setAttribute("aria-current", "page");
    const pending = left.filter((other) => other === each).length;
    if (pending) anchor.append(create("small", { title: "Sent once you are back" }, `${pending} pending`));
    return create("li", {}, anchor);
  }));
}
function showMe(shown) { Object.assign($("me-name"), { textContent: shown, title: shown }); paintAvatar($("me-avatar"), shown); }
function showStatus() {
  const connected = link.state === "connected", idle = link.state === "idle";
  if (!connected && joined) lostAt ||= Date.now();
  const state = connected ? "connected" : idle || !navigator.onLine ? "offline" : "reconnecting";
  const verb = lostAt ? "Reconnecting" : "Connecting", seconds = Math.max(1, Math.ceil((link.dueAt - Date.now()) / 1000));
  const text = connected ? "Connected" : idle ? "Not connected" : state === "offline" ? "Offline"
    : link.state === "waiting" ? `${verb} in ${seconds} s` : `${verb}…`;
  if ($("status-text").textContent !== text) $("status-text").textContent = text;
  if (state === $("status").dataset.state) return;
  document.body.dataset.state = $("status").dataset.state = state;
  $("announcer").textContent = text;
  input.placeholder = connected ? "Message" : "Message, sent once connected";
}
function composed() {
  const left = MAX_TEXT - input.value.length;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
  $("counter").textContent = left < 0 ? `${-left} too many` : left <= MAX_TEXT - COUNTER_FROM ? `${left} left` : "";
  $("counter").classList.toggle("over", left < 0);
  $("composer-send").disabled = !input.value.trim() || left < 0;
}
function askName() {
  $("name-cancel").hidden = !name;
  $("name-submit").textContent = name ? "Change" : "Continue";
  $("name-input").value = name;
  $("name-dialog").returnValue = "";
  $("name-dialog").showModal();
  $("name-input").select();
}
function drawer(open) {
  const held = $("sidebar").contains(document.activeElement);
  document.body.classList.toggle("drawer-open", open);
  $("sidebar").inert = narrow.matches && !open;
  $("main").inert = open;
  $("sidebar-open").setAttribute("aria-expanded", open);
  if (open) $("sidebar-close").focus();
  else if (held) $("sidebar-open").focus(); // if it is shown
}
function roomInAddress() {
  let wanted = location.hash.slice(1);
  try { wanted = decodeURIComponent(wanted); } catch { /* a stray percent sign: keep it */ }
  wanted = tidy(wanted || query.get("room"), 40);
  return /^\.{0,2}$/.test(wanted) ? "lobby" : wanted; // "." and ".." are path segments even when percent-encoded
}
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text || input.value.length > MAX_TEXT) return;
  const ref = crypto.getRandomValues(new Uint32Array(4)).join("-"); // randomUUID exists on https only
  outbox.push({ ref, room, text, at: Date.now(), sentAt: 0 });
  show(outbox.at(-1));
  flush();
  input.value = "";
  composed();
  input.focus();
});
input.addEventListener("input", composed);
input.addEventListener("keydown", (event) => {
  // The Enter that ends an input method's composition must not send (in Safari only the key code shows this).
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  $("composer").requestSubmit();
});
$("room-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = tidy($("room-input").value.replace(/^\s*#/, ""), 40);
  if (wanted) location.hash = encodeURIComponent(wanted);
  $("room-input").value = "";
  drawer(false);
});
$("rooms").addEventListener("click", (event) => { if (event.target.closest("a")) drawer(false); });
addEventListener("hashchange", () => {
  if (roomInAddress() !== room) enter(roomInAddress());
  if (!narrow.matches && name) input.focus();
});
$("name-change").addEventListener("click", () => { drawer(false); askName(); });
$("name-cancel").addEventListener("click", () => $("name-dialog").close());
$("name-dialog").addEventListener("close", () => {
  if (!name) askName(); // Escape, before a name was given
  else if ($("name-dialog").returnValue === "given") input.focus(); // only now: until it is closed, the page behind it is inert
});
$("name-form").addEventListener("submit", (event) => {
  const wanted = tidy($("name-input").value, 32);
  if (!wanted) return event.preventDefault();
  if (wanted === name) return;
  renamed = joined;
  memory.set("name", name = wanted);
  query.delete("name"); // the user's choice survives a reload, the preset does not
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
  showMe(name);
  connect();
});
$("sidebar-open").addEventListener("click", () => drawer(true));
$("sidebar-close").addEventListener("click", () => drawer(false));
$("scrim").addEventListener("click", () => drawer(false));
$("sidebar").addEventListener("keydown", ({ key }) => { if (key === "Escape" && narrow.matches) $("sidebar-close").click(); });
narrow.addEventListener("change", () => drawer(false));
addEventListener("online", () => { link.wake(); showStatus(); });
addEventListener("offline", () => { link.drop(); showStatus(); });
for (const event of ["focus", "pageshow", "visibilitychange"]) addEventListener(event, () => { if (!document.hidden) link.wake(); });
setInterval(() => { // a lost network causes no event; a message without its echo shows it
  showStatus();
  if (link.state === "connected" && outbox.some(({ sentAt }) => sentAt && Date.now() - sentAt > ECHO_MS)) link.drop();
}, 250);
// iOS overlays its keyboard on the page: the page uses the remaining part.
for (const event of ["resize", "scroll"]) window.visualViewport?.addEventListener(event, ({ currentTarget: view }) => {
  if (Math.abs(view.scale - 1) > 0.01) return;
  root.style.setProperty("--height", `${view.height}px`);
  root.style.setProperty("--top", `${view.offsetTop}px`);
});

showMe(name || "You");
drawer(false);
enter(roomInAddress());
if (!narrow.matches && name) input.focus();
