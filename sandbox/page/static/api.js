// The control API: every call answers with {ok, error?, errors?}, whatever happened.

import { state } from "./store.js";

export async function post(path, body = {}) {
  try {
    const response = await fetch(`/api/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    return response.ok ? { ok: true, ...answer } : { ok: false, ...answer };
  } catch {
    return { ok: false, error: "The sandbox does not answer." };
  }
}

/** Do something in Slack as the chosen person. */
export function act(verb, body = {}) {
  return post(`act/${verb}`, { person: state.me, ...body });
}
