// node --require node_stdin.js PROGRAM: what a program reads by the name /dev/stdin it gets, though there is no such file.
"use strict";
const fs = require("fs");

const NAMES = new Set(["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]);
const { readFile, readFileSync, openSync, createReadStream } = fs;
const plainly = fs.promises.readFile;

fs.readFileSync = (path, ...rest) => readFileSync(NAMES.has(path) ? 0 : path, ...rest);
fs.readFile = (path, ...rest) => readFile(NAMES.has(path) ? 0 : path, ...rest);
fs.openSync = (path, ...rest) => (NAMES.has(path) ? 0 : openSync(path, ...rest));
fs.createReadStream = (path, options) => {
  const given = typeof options === "string" ? { encoding: options } : options;
  return NAMES.has(path) ? createReadStream("", { ...given, fd: 0 }) : createReadStream(path, options);
};
fs.promises.readFile = async (path, ...rest) => (NAMES.has(path) ? readFileSync(0, ...rest) : plainly(path, ...rest));
require("module").syncBuiltinESMExports();
