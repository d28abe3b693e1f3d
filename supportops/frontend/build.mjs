// Bundles src/ into one script and one sheet of styles; beside them the licenses of what is in the bundle, and its texts
// for translators (xgettext reads no JSX). All come out the same for the same sources.
// usage: node build.mjs [folder to write into]
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { build, transformSync } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "static", "supportops");

// What the built files are made from. supportops/running/frontend.py reckons the same digest without Node.
function sources() {
  const inside = readdirSync(join(here, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(here, join(entry.parentPath, entry.name)).split(sep).join("/"));
  return [...inside, "build.mjs", "package.json", "package-lock.json", "tsconfig.json"].sort();
}

function digest() {
  const hash = createHash("sha256");
  for (const name of sources()) {
    const content = readFileSync(join(here, name));
    hash.update(`${name}\0${content.length}\0`);
    hash.update(content);
  }
  return hash.digest("hex");
}

// The packages that stand in the bundle, and their notices.
function licenses(metafile) {
  const packages = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  const parts = [...packages].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = ["LICENSE", "LICENSE.md", "LICENSE.txt"].find((item) => existsSync(join(folder, item)));
    if (!file) throw new Error(`${name} comes without a license file`);
    return `${name} ${about.version} (${about.license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return `workflow.js and workflow.css hold these packages.\n\n${parts.join(`\n${"-".repeat(80)}\n\n`)}`;
}

// Every text that people see, once, as calls that xgettext finds.
function texts() {
  const literal = String.raw`"(?:[^"\\]|\\.)*"`;
  const call = new RegExp(String.raw`\bn?gettext\(\s*(?:${literal}\s*,?\s*){0,2}`, "g");
  const found = new Set();
  for (const name of sources().filter((item) => /\.tsx?$/.test(item) && !item.endsWith(".d.ts"))) {
    const { code } = transformSync(readFileSync(join(here, name), "utf8"), { loader: "tsx", jsx: "automatic", charset: "utf8" });
    for (const [text] of code.matchAll(call)) {
      const [one, many] = text.match(new RegExp(literal, "g")) ?? [];
      if (!one) throw new Error(`${name}: a text for people must stand in gettext() itself: ${text}`);
      found.add(text.startsWith("ngettext") ? `ngettext(${one}, ${many}, 1);` : `gettext(${one});`);
    }
  }
  return `${mark}\n// The texts of workflow.js, for translators; no page loads this file.\n${[...found].sort().join("\n")}\n`;
}

const mark = `/* sources: sha256 ${digest()} */`;
const result = await build({
  absWorkingDir: here,
  entryPoints: { workflow: "src/main.tsx" },
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  outdir: target,
  format: "iife",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  banner: { js: mark, css: mark },
  logLevel: "warning",
});
mkdirSync(target, { recursive: true });
for (const file of result.outputFiles) writeFileSync(join(target, relative(target, file.path)), file.contents);
writeFileSync(join(target, "workflow.LICENSES.txt"), licenses(result.metafile));
writeFileSync(join(target, "workflow.texts.js"), texts());
console.log(result.outputFiles.map((file) => `${relative(target, file.path)} ${file.contents.length} bytes`).join("\n"));
