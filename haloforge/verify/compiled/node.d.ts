// What Node has besides the language, without types: its own packages, and what it shares with browsers.
declare var require: any, module: any, exports: any, __filename: string, __dirname: string;
declare var process: { exit(code?: number): never; [name: string]: any };
declare var global: any, Buffer: any, console: any, performance: any, crypto: any;
declare var URL: any, URLSearchParams: any, TextEncoder: any, TextDecoder: any, AbortController: any, WebAssembly: any;
declare function setTimeout(callback: (...values: any[]) => void, milliseconds?: number, ...values: any[]): any;
declare function setInterval(callback: (...values: any[]) => void, milliseconds?: number, ...values: any[]): any;
declare function setImmediate(callback: (...values: any[]) => void, ...values: any[]): any;
declare function clearTimeout(timer: any): void;
declare function clearInterval(timer: any): void;
declare function clearImmediate(timer: any): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone(value: any): any;
declare function fetch(resource: any, options?: any): Promise<any>;
declare namespace NodeJS {
  type Timeout = any;
  type Process = any;
  type ReadableStream = any;
  type WritableStream = any;
}
declare module "*";
