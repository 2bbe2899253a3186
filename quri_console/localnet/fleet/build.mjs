// Rebuilds the modules of the demo fleet from their Motoko sources.
//
//   npm install --prefix DIR motoko@4.10.0
//   QURI_NODE_MODULES=DIR/node_modules node build.mjs [SOURCE.mo[:classic] …] [--out FOLDER]
//
// Without sources it builds the four canisters beside this file, in place.
// `:classic` asks for 32-bit memory with classical persistence; everything
// else has 64-bit memory and enhanced orthogonal persistence. The output is
// gzip with a fixed header, so that the same compiler gives the same bytes.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FLEET = ["rune-engine.mo", "registry.mo", "bitcoin-integration.mo", "identity-manager.mo:classic"];
const script = fileURLToPath(import.meta.url);
const nodeModules = process.env.QURI_NODE_MODULES;
if (!nodeModules) {
  console.error("QURI_NODE_MODULES must name a node_modules folder that holds motoko");
  process.exit(2);
}

const sources = process.argv.slice(2);
const outAt = sources.indexOf("--out");
const out = outAt < 0 ? null : sources.splice(outAt, 2)[1];
if (sources.length === 0) sources.push(...FLEET.map((name) => join(dirname(script), name)));

// The compiler carries state from one compilation to the next, and its output with it: one process each.
if (sources.length === 1) build(sources[0]);
else for (const source of sources) execFileSync(process.execPath, [script, source, ...(out ? ["--out", out] : [])], { stdio: "inherit" });

function build(entry) {
  const [path, mode] = entry.split(":");
  const name = basename(path, ".mo");
  const require = createRequire(join(resolve(nodeModules), "noop.js"));
  const motoko = require("motoko").default;
  motoko.loadPackage(JSON.parse(readFileSync(require.resolve("motoko/packages/latest/core.json"))));
  motoko.write(`${name}.mo`, readFileSync(path, "utf8"));
  const complaints = motoko.check(`${name}.mo`);
  for (const { severity, message, range } of complaints) {
    console.error(`${path}:${(range?.start?.line ?? 0) + 1}: ${severity}: ${message}`);
  }
  motoko.compiler.gcFlags(mode === "classic" ? "classicOP" : "enhancedOP");
  motoko.setPublicMetadata(["candid:service"]);
  const { wasm } = motoko.wasm(`${name}.mo`, "ic");
  const packed = pack(wasm);
  const target = join(out ?? dirname(path), `${name}.wasm.gz`);
  writeFileSync(target, packed);
  console.log(`${target}: ${wasm.length} bytes, ${packed.length} packed`);
}

// gzip whose header has no time stamp and the operating system "unknown".
function pack(wasm) {
  const packed = gzipSync(wasm, { level: 9 });
  packed[9] = 255;
  return packed;
}
