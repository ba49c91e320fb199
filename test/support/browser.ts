import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';

/** Debian's place for it; CHROMIUM names another. */
const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** Keeps a browser that only ever sees 127.0.0.1 from looking for the world. */
const ARGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync'];

export const hasBrowser = existsSync(EXECUTABLE);

export interface BrowserPage {
  page: Page;
  close(): Promise<void>;
}

/** Bundles one module for browsers. Fails on anything of Node that it reaches. */
export async function bundleForBrowser(input: string): Promise<string> {
  const bundle = await rolldown({
    input,
    platform: 'browser',
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`the bundle of ${input} is not clean: ${log.message}`);
    },
  });
  try {
    const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
    return output[0].code;
  } finally {
    await bundle.close();
  }
}

/** A page that has the module's exports as `window.module`. */
export async function openPage(code: string): Promise<BrowserPage> {
  const server = serve({
    '/': ['text/html', '<!doctype html><meta charset="utf-8"><title>test</title>'],
    '/module.js': ['text/javascript', code],
  });
  await once(server, 'listening');
  const browser: Browser = await chromium.launch({
    executablePath: EXECUTABLE,
    args: process.getuid?.() === 0 ? [...ARGS, '--no-sandbox'] : ARGS,
    timeout: 120_000,
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.evaluate(`import('/module.js').then((module) => { window.module = module; })`);
  return {
    page,
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}

function serve(files: Record<string, readonly [type: string, body: string]>): Server {
  return createServer((request, response) => {
    const [type, body] = files[request.url ?? ''] ?? [];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type ?? 'text/plain' }).end(body);
  }).listen(0, '127.0.0.1');
}
