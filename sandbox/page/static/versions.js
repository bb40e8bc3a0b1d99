// Kubernetes versions and their colours.

// Neighbouring minors never look alike.
const COLOURS = ["#ff8a80", "#f2dd6e", "#f5a65b", "#58b4f5", "#69dba7", "#c4a5ff", "#f08bc0", "#b4d455"];

export function colourOf(version) {
  const minor = Number(/^v?\d+\.(\d+)/.exec(version)?.[1] ?? 0);
  return COLOURS[minor % COLOURS.length];
}

export const minorOf = (version) => /^v?(\d+\.\d+)/.exec(version)?.[1] ?? version;
