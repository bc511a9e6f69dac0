// The tree of a program's commands on commander, which splits the command line and suggests a near name for a
// wrong one. Reading values and wording errors stay ours: an error names the flag, its range and the next step,
// and no private text.

import { Command as Commander, Option, type ParseOptionsResult } from "commander";
import { exitCodes } from "./exit-codes.js";
import { childrenOf, namesOf, type Place, type Program, type Request, rootOf } from "./program.js";
import { adviceOf, lackingValue, misuse, noCommands, tooMany } from "./refusals.js";
import { readInput } from "./values.js";

/** Throws INVALID_INPUT. */
export function parseCommandLine<Context>(program: Program<Context>, argv: readonly string[]): Request<Context> {
  if (argv[0] === "--version") return { kind: "version" };
  let request: Request<Context> | undefined;
  const tree = new CommandNode(rootOf(program), (chosen) => {
    request ??= chosen;
  });
  try {
    tree.parse(asCalled(program, argv), { from: "user" });
  } catch (thrown) {
    if (thrown !== helpShown) throw thrown;
  }
  if (request === undefined) throw new TypeError("the command line was neither run nor refused");
  return request;
}

/**
 * The words for commander, with `help X` as `X --help`. They end after a word that is no command: commander would show
 * the help of the words before it.
 */
function asCalled<Context>(program: Program<Context>, argv: readonly string[]): readonly string[] {
  const asked = argv.findIndex((word) => word !== "help");
  const words = argv[0] === "help" ? [...(asked < 0 ? [] : argv.slice(asked)), "--help"] : argv;
  let place = rootOf(program);
  for (const [index, word] of words.entries()) {
    if (word.startsWith("-")) break;
    if (place.commands.length === 0) {
      if (argv[0] === "help") throw noCommands(place);
      break;
    }
    const next = childrenOf(place).find(({ command }) => namesOf(command?.declaration).includes(word));
    if (next === undefined) return words.slice(0, index + 1);
    place = next;
  }
  return words;
}

/** Ends the parsing once a help was shown. */
const helpShown = Symbol("help shown");

/** The program itself, or one of its commands. */
class CommandNode<Context> extends Commander {
  readonly #place: Place<Context>;

  constructor(place: Place<Context>, choose: (request: Request<Context>) => void) {
    super(place.path.at(-1));
    this.#place = place;
    const { command, commands, program } = place;
    const showHelp = (exitCode: number) => choose({ kind: "help", place, exitCode });
    // After a command, --version is the command's own.
    this.enablePositionalOptions()
      .helpCommand(false)
      .helpOption("-h, --help")
      .configureOutput({ writeOut: () => showHelp(0), writeErr: () => {}, outputError: () => {} })
      .exitOverride((error) => {
        if (!/^commander\.help/.test(error.code)) throw misuse(place, error);
        if (error.exitCode !== 0 && command !== undefined) throw misuse(place, error);
        if (error.exitCode !== 0) showHelp(exitCodes.misused);
        throw helpShown;
      });
    if (command?.declaration.alias !== undefined) this.alias(command.declaration.alias);
    const options = Object.entries(place.options).map(([name, { value, multiple }]) => {
      const option = new Option(value === undefined ? `--${name}` : `--${name} <value>`);
      this.addOption(multiple === true ? option.argParser(append) : option);
      return [name, option.attributeName()] as const;
    });
    for (const child of childrenOf(place)) this.addCommand(new CommandNode(child, choose));
    if (command === undefined || commands.length > 0) return;
    this.argument("[words...]").action((words: string[]) => {
      const extra = tooMany(place, words);
      if (extra !== undefined) throw extra;
      const declaration = { ...command.declaration, options: place.options };
      const rules = { quotes: program.quotes, advice: adviceOf(place) };
      const given = Object.fromEntries(options.map(([name, attribute]) => [name, this.getOptionValue(attribute)]));
      choose({ kind: "run", command, input: readInput(declaration, { options: given, arguments: words }, rules) });
    });
  }

  /** Commander takes any next word for an option's value, so that `--out --resume` would make a folder "--resume". */
  override parseOptions(argv: string[]): ParseOptionsResult {
    for (let i = 0; i < argv.length && argv[i] !== "--"; i++) {
      const option = this.options.find((candidate) => candidate.long === argv[i]);
      if (option?.required !== true) continue;
      i += 1;
      if (/^-./.test(argv[i] ?? "-?")) throw lackingValue(this.#place, option.long as string);
    }
    return super.parseOptions(argv);
  }
}

const append = (text: string, before: readonly string[] | undefined): string[] => [...(before ?? []), text];
