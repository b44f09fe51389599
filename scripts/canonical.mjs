#!/usr/bin/env node
// Prints each line of NDJSON as RFC 8785 (JCS) writes it. The SHA-256 of what this makes of an exported log is its seal's logSha256:
//   node scripts/canonical.mjs < log.ndjson | sha256sum

// RFC 8785 is defined by what JSON.stringify does with strings and numbers, and by the order of UTF-16 code units, which is sort's.
function canonical(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(',')}}`;
}

// Not node:readline, which also ends lines at U+2028 and U+2029.
let rest = '';
process.stdin.setEncoding('utf8');
for await (const chunk of process.stdin) {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  for (const line of lines) process.stdout.write(`${canonical(JSON.parse(line))}\n`);
}
