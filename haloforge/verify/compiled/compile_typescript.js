// node compile_typescript.js SOURCE OUTPUT, or from a snapshot: node --snapshot-blob BLOB SOURCE OUTPUT
//
// Checks a program by the TypeScript compiler of this machine, and leaves the JavaScript that it makes of it. A snapshot
// (node --build-snapshot) holds that compiler and the language's library, parsed, which is most of what it does at every
// start. Each compilation begins with the same bytes, so nothing of one program reaches the next.
"use strict";
const fs = require("fs");
const v8 = require("v8");

const FOLDER = process.env.TYPESCRIPT_FOLDER; // holds typescript.js and the lib.*.d.ts
const NODE_TYPES = process.env.TYPESCRIPT_NODE_TYPES; // node.d.ts
const MOST_ERRORS = 5;

const ts = loaded(`${FOLDER}/typescript.js`);
const options = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.CommonJS,
  moduleDetection: 3, // every file is a module: its names cannot clash with global ones
  esModuleInterop: true,
  noEmitOnError: true,
  newLine: ts.NewLineKind.LineFeed,
  types: [],
  lib: ["lib.es2022.d.ts"],
};
const library = new Map();

function loaded(path) {
  const module = { exports: {} };
  const run = new Function("module", "exports", "require", "__filename", "__dirname", fs.readFileSync(path, "utf8"));
  run(module, module.exports, require, path, FOLDER);
  return module.exports;
}

function compile(source, output) {
  let written = "";
  const host = {
    fileExists: (name) => name === source,
    readFile: () => undefined,
    getSourceFile: (name, form) => (name === source ? parsed(name, form) : ofLibrary(name, form)),
    getDefaultLibFileName: () => `${FOLDER}/lib.es2022.d.ts`,
    getDefaultLibLocation: () => FOLDER,
    getCurrentDirectory: () => "/",
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
    writeFile: (name, text) => { written = text; },
  };
  const program = ts.createProgram([source, NODE_TYPES], options, host);
  const errors = ts.getPreEmitDiagnostics(program);
  errors.slice(0, MOST_ERRORS).forEach((error) => console.error(inOneLine(error)));
  if (errors.length) return 1;
  program.emit();
  fs.writeFileSync(output, written);
  return 0;
}

function ofLibrary(name, form) {
  if (!name.startsWith(`${FOLDER}/`) && name !== NODE_TYPES) return undefined;
  if (!library.has(name)) library.set(name, parsed(name, form));
  return library.get(name);
}

function parsed(name, form) {
  return fs.existsSync(name) ? ts.createSourceFile(name, fs.readFileSync(name, "utf8"), form) : undefined;
}

function inOneLine(error) {
  const message = `error TS${error.code}: ${ts.flattenDiagnosticMessageText(error.messageText, " ")}`;
  if (!error.file) return message;
  const { line, character } = error.file.getLineAndCharacterOfPosition(error.start);
  return `${error.file.fileName}:${line + 1}:${character + 1}: ${message}`;
}

if (v8.startupSnapshot && v8.startupSnapshot.isBuildingSnapshot()) {
  fs.writeFileSync("rehearsal.ts", "const numbers: number[] = [1];\nconsole.log(numbers.map((n) => `${n}`).join());\n");
  if (compile("rehearsal.ts", "rehearsal.js")) process.exit(1);
  v8.startupSnapshot.setDeserializeMainFunction(() => { process.exitCode = compile(...process.argv.slice(1)); });
} else {
  process.exitCode = compile(...process.argv.slice(2));
}
