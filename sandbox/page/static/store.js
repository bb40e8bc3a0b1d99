// What the page knows: the stream fills it, everybody else reads it and is told when a part has changed.

const listeners = new Map();

export const state = {
  me: null,
  session: null,
  scenario: {},
  clock: null,
  start: null,
  workspace: null,
  messages: new Map(), // channel id -> Map(ts -> message)
  screen: { modals: [], home: null },
  clusters: [],
  cluster: null,
  picture: null,
  controls: null,
  pager: [],
  log: [],
  connected: false,
};

export function on(part, listener) {
  if (!listeners.has(part)) listeners.set(part, []);
  listeners.get(part).push(listener);
}

export function tell(part, detail) {
  for (const listener of listeners.get(part) ?? []) listener(detail);
}

let source = null;

/** Listen as a person, on a cluster; ends listening as anybody else. */
export function listen(person, cluster) {
  source?.close();
  const query = new URLSearchParams();
  if (person) query.set("as", person);
  if (cluster) query.set("cluster", cluster);
  source = new EventSource(`/api/events?${query}`);
  const opened = source;
  const hear = (name, take) =>
    source.addEventListener(name, (event) => {
      if (opened === source) take(JSON.parse(event.data));
    });
  source.onopen = () => setConnected(true);
  source.onerror = () => {
    if (opened !== source) return;
    setConnected(false);
    // A stream that was refused is not tried again by the browser: the sandbox behind it may be another one by now.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => opened === source && location.reload(), 2000);
  };
  hear("hello", takeHello);
  hear("messages", takeMessages);
  for (const name of ["screen", "picture", "clusters", "controls", "pager", "log"]) {
    hear(name, (data) => {
      state[name] = data;
      tell(name);
    });
  }
}

function setConnected(connected) {
  if (state.connected === connected) return;
  state.connected = connected;
  tell("connection");
}

function takeHello(data) {
  if (state.session && state.session !== data.session) return location.reload();
  const first = state.session === null;
  Object.assign(state, {
    session: data.session,
    me: data.me ?? null,
    scenario: data.scenario,
    clock: data.clock,
    start: data.start ?? null,
    cluster: data.cluster,
    workspace: data.workspace,
    messages: new Map(),
  });
  for (const channel of data.workspace?.channels ?? []) state.messages.set(channel.id, new Map());
  for (const message of data.workspace?.messages ?? []) state.messages.get(message.channel).set(message.ts, message);
  tell("hello", { first });
}

function takeMessages(changed) {
  for (const message of changed) {
    const channel = state.messages.get(message.channel);
    if (!channel) continue;
    if (message.gone) channel.delete(message.ts);
    else channel.set(message.ts, message);
  }
  tell("messages", changed);
}

// --- reading -------------------------------------------------------------------------------------------------------

export function person(id) {
  return state.workspace?.people.find((one) => one.id === id);
}

export function channel(id) {
  return state.workspace?.channels.find((one) => one.id === id);
}

export function group(id) {
  return state.workspace?.usergroups.find((one) => one.id === id);
}

function sorted(messages) {
  return messages.sort((one, other) => (one.ts < other.ts ? -1 : 1));
}

/** Messages of a channel that stand in its list, oldest first. */
export function rootMessages(channelId) {
  const all = [...(state.messages.get(channelId)?.values() ?? [])];
  return sorted(all.filter((message) => !message.is_reply || message.broadcast));
}

export function replies(channelId, ts) {
  const all = [...(state.messages.get(channelId)?.values() ?? [])];
  return sorted(all.filter((message) => message.is_reply && message.thread_ts === ts));
}

/** Whether a message calls somebody: by name, by user group, or everybody. */
export function mentions(message, who = state.me) {
  const groups = (state.workspace?.usergroups ?? []).filter((one) => one.users.includes(who));
  const marks = [`<@${who}>`, ...groups.map((one) => `<!subteam^${one.id}>`), "<!channel>", "<!here>"];
  return message.author !== who && marks.some((mark) => message.text.includes(mark));
}
