// Parses each Mermaid diagram of a JSON list on stdin with Mermaid's own parser; prints a list of errors.
import { readFileSync } from "node:fs";
import purify from "dompurify";
import mermaid from "mermaid";

// The sanitizer guards rendering and needs a browser; parsing needs neither.
purify.addHook = () => {};
purify.sanitize = (text) => text;

const errors = [];
for (const source of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    await mermaid.parse(source);
    errors.push("");
  } catch (error) {
    errors.push(String(error.message));
  }
}
process.stdout.write(JSON.stringify(errors));
