// Rebuilds the modules of the demo fleet from their Motoko sources.
//
//   npm install --prefix DIR motoko@4.10.0
//   QURI_NODE_MODULES=DIR/node_modules node build.mjs [SOURCE.mo[:classic] …] [--out FOLDER]
//
// Without sources it builds the four canisters beside this file, in place.
// `:classic` asks for 32-bit memory with classical persistence; everything
// else has 64-bit memory and enhanced orthogonal persistence. The output is
// gzip with a fixed header, so that the same compiler gives the same bytes.

import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const modules = process.env.QURI_NODE_MODULES;
if (!modules) {
  console.error("QURI_NODE_MODULES must name a node_modules folder that holds motoko");
  process.exit(2);
}
const require = createRequire(join(resolve(modules), "noop.js"));
const motoko = require("motoko").default;
motoko.loadPackage(JSON.parse(readFileSync(require.resolve("motoko/packages/latest/core.json"))));

const FLEET = ["rune-engine.mo", "registry.mo", "bitcoin-integration.mo", "identity-manager.mo:classic"];
const asked = process.argv.slice(2);
const outAt = asked.indexOf("--out");
const out = outAt < 0 ? null : asked.splice(outAt, 2)[1];
const sources = asked.length ? asked : FLEET.map((name) => join(here, name));

// One fixed header: no time stamp, "unknown" operating system.
const GZIP_OS_BYTE = 9;
const UNKNOWN_OS = 255;

for (const entry of sources) {
  const [path, mode] = entry.split(":");
  const name = basename(path, ".mo");
  motoko.write(`${name}.mo`, readFileSync(path, "utf8"));
  for (const { severity, message, range } of motoko.check(`${name}.mo`)) {
    console.error(`${path}:${(range?.start?.line ?? 0) + 1}: ${severity}: ${message}`);
  }
  motoko.compiler.gcFlags(mode === "classic" ? "classicOP" : "enhancedOP");
  motoko.setPublicMetadata(["candid:service"]);
  const { wasm } = motoko.wasm(`${name}.mo`, "ic");
  const packed = gzipSync(wasm, { level: 9 });
  packed[GZIP_OS_BYTE] = UNKNOWN_OS;
  const target = join(out ?? dirname(path), `${name}.wasm.gz`);
  writeFileSync(target, packed);
  console.log(`${target}: ${wasm.length} bytes, ${packed.length} packed`);
}
