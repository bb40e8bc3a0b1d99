// Two clocks: messages carry the machine's time, the world lives in domain time, and everybody reads domain time.

import { person, state } from "./store.js";

/** Domain time now, in epoch seconds. */
export function domainNow() {
  return toDomain(Date.now() / 1000);
}

export function toDomain(wall) {
  const clock = state.clock;
  return clock ? clock.domain_origin + (wall - clock.wall_origin) * clock.rate : wall;
}

function zone() {
  return person(state.me)?.tz ?? "UTC";
}

const formats = new Map();

function format(seconds, options) {
  const key = zone() + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone(), ...options }));
  return formats.get(key).format(new Date(seconds * 1000));
}

export const clockTime = (seconds) => format(seconds, { hour: "2-digit", minute: "2-digit" });
export const clockSeconds = (seconds) =>
  format(seconds, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = (seconds) => format(seconds, { year: "numeric", month: "2-digit", day: "2-digit" });

export function dayName(seconds) {
  return pretty(seconds) ?? format(seconds, { weekday: "long", day: "numeric", month: "long" });
}

export const shortDay = (seconds) => format(seconds, { weekday: "short", day: "numeric", month: "short", year: "numeric" });

export function fullTime(seconds) {
  return format(seconds, { dateStyle: "full", timeStyle: "long" });
}

/** What a field for day and time says of a moment, on this person's clock. */
export const localField = (at) => `${TOKENS.date_num(at)}T${clockTime(at)}`;

/** The moment that such a field means; of what it skips in spring, an hour later. */
export function momentOf(local) {
  const utc = (text) => Date.parse(`${text}Z`) / 1000;
  const ahead = (at) => utc(localField(at)) - at;
  const near = utc(local) - ahead(utc(local));
  return utc(local) - ahead(near);
}

function pretty(seconds) {
  const now = domainNow();
  if (day(seconds) === day(now)) return "today";
  if (day(seconds) === day(now - 86400)) return "yesterday";
  if (day(seconds) === day(now + 86400)) return "tomorrow";
  return null;
}

const TOKENS = {
  date_num: (at) => format(at, { year: "numeric", month: "2-digit", day: "2-digit" }).split("/").reverse().join("-"),
  date_slash: (at) => format(at, { year: "numeric", month: "2-digit", day: "2-digit" }),
  date: (at) => format(at, { day: "numeric", month: "long", year: "numeric" }),
  date_short: (at) => format(at, { day: "numeric", month: "short", year: "numeric" }),
  date_long: (at) => format(at, { dateStyle: "full" }),
  time: clockTime,
  time_secs: clockSeconds,
  day_divider_pretty: dayName,
  ago: (at) => ago(domainNow() - at),
};

/** Slack's date format string, in the reader's time zone. */
export function slackDate(seconds, template) {
  return template.replace(/\{([a-z_]+)\}/g, (whole, token) => {
    const name = token.replace(/_pretty$/, "");
    if (token !== name && name !== "day_divider") {
      const word = pretty(seconds);
      if (word) return word;
    }
    return TOKENS[token]?.(seconds) ?? TOKENS[name]?.(seconds) ?? whole;
  });
}

function ago(seconds) {
  const past = seconds >= 0;
  const text = duration(Math.abs(seconds));
  return past ? `${text} ago` : `in ${text}`;
}

/** A length of time in a few characters: 45 s, 12 min, 1 h 05 min. */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${String(minutes % 60).padStart(2, "0")} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}
