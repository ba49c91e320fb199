import { Command, CommanderError } from 'commander';
import { createCli, type GlobalOptions, type Run } from './cli.js';
import { accountCommand } from './commands/account.js';
import { auditCommand } from './commands/audit.js';
import { exportCommand } from './commands/export.js';
import { blastRadiusCommand, lineageCommand } from './commands/history.js';
import { inspectCommand } from './commands/inspect.js';
import { jobCommand } from './commands/job.js';
import { jobsCommand } from './commands/jobs.js';
import { privacyCommand } from './commands/privacy.js';
import { modelCommand } from './commands/model.js';
import { eraseCommand, licencesCommand } from './commands/licences.js';
import { publishCommand } from './commands/publish.js';
import { revokeCommand, revokeLicenceCommand } from './commands/revoke.js';
import { replayCommand } from './commands/replay.js';
import { rotateCommand } from './commands/rotate.js';
import { searchCommand } from './commands/search.js';
import { showCommand } from './commands/show.js';
import { delistCommand, storageCommand } from './commands/storage.js';
import { trainCommand } from './commands/train.js';
import { trustCommand } from './commands/trust.js';
import { verifyCommand } from './commands/verify.js';
import { withdrawCommand } from './commands/withdraw.js';
import type { Adapters } from './ports.js';
import type { Io } from './ui/io.js';

const VERSION = '0.1.0';
/** The same everywhere, so that help reads alike on a terminal and in a page. */
const HELP_WIDTH = 100;

const AFTER_HELP = `
Who uses what:
  seller   account, inspect, publish, rotate, jobs, revoke, revoke-licence, storage, delist, withdraw
  buyer    account, search, show, privacy, model, train, jobs, job, licences, erase, withdraw
  auditor  audit, lineage, blast-radius, privacy, storage, verify, export, trust
  operator account, jobs, replay, withdraw

Environment:
  WEIGHBRIDGE_NETWORK   network file, as --network
  WEIGHBRIDGE_KEY_FILE  key file, as --key-file
  WEIGHBRIDGE_STATE     directory for jobs, licences and interrupted uploads (default: nearest .weighbridge)
  WEIGHBRIDGE_DEBUG     set to print the stack of an error
  NO_COLOR              set to print no colours

Exit codes:
  0  done        1  the operation or a verification failed
  2  bad usage or input      3  a service is unavailable: the same command may work later
`;

/** The command line as commander knows it. `run` gives each command its surroundings. */
export function createProgram(run: Run, io: Io): Command {
  const program = new Command('weighbridge')
    .description('A data marketplace where the training goes to the data, and only weighed weights leave.')
    .version(VERSION)
    .option(
      '--network <file>',
      'network file (default: $WEIGHBRIDGE_NETWORK, else the nearest .weighbridge/network.json)',
    )
    .option('--key-file <file>', 'your private key, 0x and 64 hex digits (default: $WEIGHBRIDGE_KEY_FILE)')
    .option('--json', 'print the result as one JSON value on stdout')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError()
    .addHelpText('after', AFTER_HELP);
  const commands = [
    inspectCommand(run),
    publishCommand(run),
    searchCommand(run),
    showCommand(run),
    modelCommand(run),
    trainCommand(run),
    jobsCommand(run),
    jobCommand(run),
    privacyCommand(run),
    replayCommand(run),
    rotateCommand(run),
    revokeCommand(run),
    revokeLicenceCommand(run),
    licencesCommand(run),
    eraseCommand(run),
    auditCommand(run),
    exportCommand(run),
    lineageCommand(run),
    blastRadiusCommand(run),
    verifyCommand(run),
    trustCommand(run),
    storageCommand(run),
    delistCommand(run),
    withdrawCommand(run),
    accountCommand(run),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of everyCommand(program)) configure(command, io);
  return program;
}

/** Runs one command line. @returns the exit code */
export async function runCli(argv: string[], io: Io, adapters: Adapters): Promise<number> {
  const run: Run = async (command, work) =>
    work(await createCli(io, command.optsWithGlobals<GlobalOptions>(), adapters));
  const program = createProgram(run, io);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    const json = argv.includes('--json');
    if (!(error instanceof CommanderError)) return fail(error, io, json);
    // Commander has told a person what it had to say; help and version end with code 0.
    if (error.exitCode === 0) return 0;
    return json ? fail(await usageError(error), io, json) : 2;
  }
}

async function usageError({ code, message }: CommanderError): Promise<unknown> {
  const { WeighbridgeError } = await import('../kernel/index.js');
  // Of a command that only has others under it, commander prints the help and says "(outputHelp)".
  const what = code === 'commander.help' ? 'no command is named' : message.replace(/^error: /, '');
  return new WeighbridgeError('BAD_INPUT', what, {
    next: 'Run the command with --help for its usage.',
  });
}

async function fail(thrown: unknown, io: Io, json: boolean): Promise<number> {
  const [{ printError }, { exitCodeOf }, { Reported }] = await Promise.all([
    import('./ui/print-error.js'),
    import('./ui/exit-code.js'),
    import('./ui/reported.js'),
  ]);
  if (!(thrown instanceof Reported)) return exitCodeOf(printError(io, json, thrown));
  return exitCodeOf(json ? thrown.error : printError(io, json, thrown.error));
}

function* everyCommand(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* everyCommand(child);
}

function configure(command: Command, io: Io): void {
  command
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false, helpWidth: HELP_WIDTH })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) =>
        write(`${text.trimEnd()}\nnext:  run "weighbridge ${pathOf(command)}--help" for usage\n`),
    });
}

function pathOf(command: Command): string {
  return command.parent === null ? '' : `${pathOf(command.parent)}${command.name()} `;
}
