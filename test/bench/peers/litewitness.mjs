import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { freePort } from '../../../dist/web3/devnet/service.js';

/**
 * Torchwood's litewitness with a key of its own in an ssh-agent, watching one log. What its `witnessctl` would do, two rows, is done
 * here: that program needs a module more.
 */
export async function startLitewitness({ binary, dir, origin, vkey }) {
  mkdirSync(dir);
  const [key, agent, db] = ['key', 'agent.sock', 'witness.db'].map((name) => path.join(dir, name));
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const agentProcess = spawn('ssh-agent', ['-D', '-a', agent], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(agentProcess.stdout, 'data');
  execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: agent } });
  const fingerprint = execFileSync('ssh-keygen', ['-lf', `${key}.pub`], { encoding: 'utf8' }).split(' ')[1];

  const listen = `127.0.0.1:${await freePort()}`;
  const args = [
    '-name',
    'witness.example/lite',
    '-key',
    fingerprint,
    '-ssh-agent',
    agent,
    '-db',
    db,
    '-listen',
    listen,
  ];
  const child = spawn(binary, args, { stdio: ['ignore', 'inherit', 'pipe'] });
  const witnessVkey = await new Promise((resolve, reject) => {
    let vkey;
    // Read to its end: a program whose errors nobody reads would stop at a full pipe.
    createInterface({ input: child.stderr }).on('line', (line) => {
      vkey ??= /vkey=(\S+)/.exec(line)?.[1];
      if (line.includes('msg=listening')) resolve(vkey);
    });
    child.once('exit', (code) => reject(new Error(`litewitness ended with status ${code}`)));
  });
  watch(db, origin, vkey);
  return {
    vkey: witnessVkey,
    url: `http://${listen}`,
    async stop() {
      for (const each of [child, agentProcess]) {
        each.kill();
        await once(each, 'exit');
      }
    },
  };
}

function watch(file, origin, vkey) {
  const db = new DatabaseSync(file);
  const emptyRoot = createHash('sha256').digest('base64');
  db.prepare('INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)').run(origin, emptyRoot);
  db.prepare('INSERT INTO key (origin, key) VALUES (?, ?)').run(origin, vkey);
  db.close();
}
