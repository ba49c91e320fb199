import { describe, expect, it } from 'vitest';
import { fromHex, utf8 } from '../../kernel/index.js';
import { logVkey, ORIGIN, signNote, trust, witnessVkey } from '../../../test/support/noted-log.js';
import { formatCheckpoint, parseCheckpoint, verifyCheckpoint } from './checkpoint.js';
import { formatNote, formatVerifierKey, parseNote, parseVerifierKey, verifyNoteSignature } from './note.js';
import { EMPTY_ROOT } from './rfc6962.js';

const text = formatCheckpoint({ origin: ORIGIN, size: 7, root: EMPTY_ROOT });

describe('signed notes', () => {
  it('verify the example of the C2SP text', () => {
    const key = parseVerifierKey('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k');
    const note = parseNote(
      'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
    );
    const [signature] = note.signatures;
    expect(signature && verifyNoteSignature(note.text, signature, key)).toBe(true);
    expect(signature && verifyNoteSignature(`${note.text}x\n`, signature, key)).toBe(false);
    expect(signature && verifyNoteSignature(note.text, signature, { ...key, keyHash: '00000000' })).toBe(false);
    expect(formatVerifierKey(key.name, 'ed25519', key.publicKey)).toMatch(/^example.com\/foo\+530d903a\+/);
  });

  it('are written back as they were read', () => {
    const note = signNote(text, { witnessed: true });
    expect(formatNote(parseNote(note))).toBe(note);
  });

  it('are refused in any other form', () => {
    const note = signNote(text);
    const bad = [
      '',
      '\n\n',
      text,
      note.slice(0, -1),
      `${note}\n`,
      note.replace('— ', '- '),
      note.replace('— ', '—  '),
      note.replace(/=\n$/, '\n'),
      `${note}— \n`,
      note.replace('7\n', '7\u0000\n'),
      note.replace('7\n', '7\r\n'),
      `${text}\n— a+b AAAAAAAAAAAA\n`,
      `${text}\n— ${ORIGIN} AAAA\n`,
    ];
    for (const each of bad) expect(() => parseNote(each), each).toThrow(/signed note|base64/);
  });

  it('need a key whose hash is its own', () => {
    for (const bad of [
      '',
      'x',
      `${logVkey}A`,
      logVkey.replace('+', '++'),
      logVkey.replace(/\+[0-9a-f]{8}/, '+00000000'),
    ]) {
      expect(() => parseVerifierKey(bad), bad).toThrow(/verifier key|base64/);
    }
    // ML-DSA-44 (0x06) is not known here, and is not taken for Ed25519.
    expect(() => parseVerifierKey(`x+00000000+${btoa(`\u0006${'k'.repeat(32)}`)}`)).toThrow(/verifier key/);
  });
});

describe('checkpoints', () => {
  const witnessed = { ...trust, witnesses: { quorum: 1, vkeys: [witnessVkey] } };

  it('are accepted from the trusted log, and with the quorum', () => {
    expect(verifyCheckpoint(signNote(text), trust)).toEqual({ origin: ORIGIN, size: 7, root: EMPTY_ROOT });
    expect(verifyCheckpoint(signNote(text, { witnessed: true }), witnessed, true).size).toBe(7);
  });

  it('are refused from another key, another origin, changed, or below the quorum', () => {
    const reason = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return (error as { details: { reason?: string } }).details.reason;
      }
      return 'accepted';
    };
    const other = signNote(text, { secret: fromHex('09'.repeat(32)) });
    expect(reason(() => verifyCheckpoint(other, trust))).toBe('signature');
    expect(reason(() => verifyCheckpoint(other, trust, true))).toBe('signer');
    const elsewhere = signNote(text.replace(ORIGIN, 'log.example/other'));
    expect(reason(() => verifyCheckpoint(elsewhere, trust))).toBe('origin');
    expect(reason(() => verifyCheckpoint(signNote(text).replace('\n7\n', '\n8\n'), trust))).toBe('signature');
    expect(reason(() => verifyCheckpoint(signNote(text), witnessed))).toBe('quorum');
    const twice = signNote(text).replace(/(— .*\n)/, '$1$1');
    expect(reason(() => verifyCheckpoint(twice, trust))).toBe('signature');
    // A witness that the trust file does not name says nothing; in a receipt its line may not even stand there.
    const stranger = signNote(text, { witnessed: true });
    expect(reason(() => verifyCheckpoint(stranger, trust))).toBe('accepted');
    expect(reason(() => verifyCheckpoint(stranger, trust, true))).toBe('signer');
  });

  it('do not count the log’s own signature as a witness', () => {
    const self = { ...trust, witnesses: { quorum: 1, vkeys: [logVkey] } };
    expect(() => verifyCheckpoint(signNote(text), self)).toThrow(/0 witnesses/);
  });

  it('count a witness once that the trust file lists twice', () => {
    const twice = { ...trust, witnesses: { quorum: 2, vkeys: [witnessVkey, witnessVkey] } };
    expect(() => verifyCheckpoint(signNote(text, { witnessed: true }), twice)).toThrow(/1 witnesses/);
  });

  it('have three lines, a plain decimal and a whole root', () => {
    const [origin, size, root] = text.split('\n');
    for (const bad of [
      '',
      `${origin}\n${size}\n`,
      `${origin}\n07\n${root}\n`,
      `${origin}\n-7\n${root}\n`,
      `${origin}\n9007199254740993\n${root}\n`,
      `${origin}\n7\nAAAA\n`,
      `${text}extension\n`,
      `\n7\n${root}\n`,
    ]) {
      expect(() => parseCheckpoint(bad), bad).toThrow(/checkpoint/);
    }
    expect(utf8(formatCheckpoint(parseCheckpoint(text)))).toEqual(utf8(text));
  });
});
