// node --experimental-vm-modules check_javascript.js SOURCE
//
// Says where a program is no JavaScript, without running any of it. One that only parses as a module gets the suffix .mjs.
"use strict";
const fs = require("fs");
const vm = require("vm");

const PARAMETERS = ["exports", "require", "module", "__filename", "__dirname"];
const source = process.argv[2];
const text = fs.readFileSync(source, "utf8");

function flaw(parse) {
  try {
    parse();
    return undefined;
  } catch (error) {
    const place = /^\S+:\d+$/.exec(String(error.stack).split("\n", 1)[0]);
    return `${place ? place[0] : `${source}:1`}:1: error: ${error}`;
  }
}

const asScript = flaw(() => vm.compileFunction(text, PARAMETERS, { filename: source }));
const asModule = asScript && flaw(() => new vm.SourceTextModule(text, { identifier: source }));
if (asScript && !asModule) {
  fs.renameSync(source, source.replace(/\.js$/, ".mjs"));
} else if (asScript) {
  console.error(/\b(import|export)\b/.test(asScript) ? asModule : asScript);
  process.exitCode = 1;
}
