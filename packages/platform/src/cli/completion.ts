// Completion for bash, zsh and fish, generated from the table of commands. The script is static, since a shell
// waits for each Tab.

import { bashScript } from "./completion-bash.js";
import { fishScript } from "./completion-fish.js";
import type { Offer, Stop, Value } from "./completion-stops.js";
import { zshScript } from "./completion-zsh.js";
import { type Body, command, declare, type OptionDeclaration } from "./declaration.js";
import { namesOf, type Place, type Program, placesIn, rootOf } from "./program.js";

const shells = ["bash", "zsh", "fish"] as const;

const declarationFor = (program: string) =>
  declare({
    name: "completion",
    summary: "Print the script that completes commands and options in your shell",
    arguments: [{ name: "SHELL", meaning: "your shell", choices: shells }],
    details: [`The shell completes ${program} only where it starts without npx: put node_modules/.bin on PATH first.`],
    sections: [
      {
        title: "Installation",
        items: [
          ["bash", `add to ~/.bashrc: source <(${program} completion bash)`],
          ["zsh", `add to ~/.zshrc, after compinit: source <(${program} completion zsh)`],
          ["fish", `run once: ${program} completion fish > ~/.config/fish/completions/${program}.fish`],
        ],
      },
    ],
    examples: [`source <(${program} completion bash)`],
  });

/** The program with one more command, which prints the completion of all commands. */
export function withCompletion<Context>(
  program: Program<Context>,
  print: (context: Context, script: string) => void,
): Program<Context> {
  const declaration = declarationFor(program.name);
  const body: Body<typeof declaration, Context> = async ({ arguments: [shell] }, context) => {
    print(context, scripts[shell](program.name, stopsOf(whole)).trimEnd());
  };
  const whole = { ...program, commands: [...program.commands, command(declaration, async () => body)] };
  return whole;
}

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

function stopsOf<Context>(program: Program<Context>): Stop[] {
  return placesIn(rootOf(program)).map((place) => {
    const options = Object.entries(place.options);
    const [argument] = place.command?.declaration.arguments ?? [];
    return {
      paths: pathsOf(place),
      commands: place.commands.flatMap(({ declaration }) =>
        namesOf(declaration).map((word): Offer => [word, declaration.summary]),
      ),
      options: [...options.map(([name, { meaning }]): Offer => [`--${name}`, meaning]), ["--help", "show this help"]],
      values: options.flatMap(([name, option]) =>
        option.value === undefined ? [] : [[`--${name}`, expectedValue(option)] as const],
      ),
      argument: argument === undefined ? undefined : expectedValue(argument),
    };
  });
}

function pathsOf<Context>({ path, command: own }: Place<Context>): string[] {
  const parent = path.slice(1, -1);
  return (own === undefined ? [""] : namesOf(own.declaration)).map((last) => [...parent, last].join(" ").trim());
}

function expectedValue({ choices, path }: Pick<OptionDeclaration, "choices" | "path">): Value {
  return path === undefined ? { words: choices ?? [] } : { path };
}
