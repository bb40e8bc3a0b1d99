// Building DOM nodes. Data becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else if (name === "value" || name === "checked" || name === "selected") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** What in a node that takes another's place is what has the focus in that one. */
function twin(focused, old, node) {
  if (focused === old) return node;
  const same = ({ dataset, ariaLabel, textContent }) =>
    dataset.action === focused.dataset.action && ariaLabel === focused.ariaLabel && (dataset.action || textContent === focused.textContent);
  return [...node.querySelectorAll(focused.tagName)].find(same);
}

/**
 * Make `parent` hold one child an item, in order. A child is made anew only when its key is new or its item says
 * something else; everything else keeps its node, and with it scroll and animations. What has the focus keeps it.
 */
export function keep(parent, items, keyOf, make) {
  let focus = null;
  const old = (parent.kept ??= new Map());
  const kept = new Map();
  let at = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    const said = JSON.stringify(item);
    let entry = old.get(key);
    if (!entry || entry.said !== said) {
      const node = make(item, entry?.node);
      if (entry && entry.node !== node) {
        const focused = document.activeElement;
        if (entry.node.contains(focused)) focus = twin(focused, entry.node, node);
        if (at === entry.node) at = entry.node.nextSibling;
        entry.node.remove();
      }
      entry = { node, said };
    }
    kept.set(key, entry);
    if (at === entry.node) at = at.nextSibling;
    else parent.insertBefore(entry.node, at);
  }
  for (const [key, entry] of old) if (kept.get(key)?.node !== entry.node) entry.node.remove();
  parent.kept = kept;
  focus?.focus({ preventScroll: true });
}

/** Replace everything in `parent`. */
export function show(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter(Boolean));
}

/** Say something to screen readers. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
