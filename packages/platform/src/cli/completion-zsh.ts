// Completion for zsh, with the meaning beside each word.

import { type Offer, quoted, type Stop, stepsOf, type Value } from "./completion-stops.js";

export function zshScript(program: string, stops: readonly Stop[]): string {
  const name = `_${program.replaceAll("-", "_")}`;
  const { commands, options } = stepsOf(stops);
  return `#compdef ${program}
# Completion of ${program} for zsh: source <(${program} completion zsh)
${name}() {
  local place= option= word
  local -i i
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $option ]]; then option=; continue; fi
    case "$place $word" in
      (${commands.map(quoted).join(" | ")}) place="\${place:+$place }$word" ;;
      (${options.map(quoted).join(" | ")}) option=$word ;;
    esac
  done
  case "$place|$option" in
${stops.flatMap(casesOf).join("\n")}
  esac
}
compdef ${name} ${program}
`;
}

function casesOf({ paths, commands, options, values, argument }: Stop): string[] {
  const own = argument === undefined ? describe(commands) : offer(argument);
  return [
    ...values.map(([option, value]) => `    (${keys(paths, option)}) ${offer(value)} ;;`),
    `    (${keys(paths, "")}) if [[ $PREFIX == -* ]]; then ${describe(options)}; else ${own}; fi ;;`,
  ];
}

const keys = (paths: readonly string[], option: string) => paths.map((path) => quoted(`${path}|${option}`)).join(" | ");

function describe(offers: readonly Offer[]): string {
  if (offers.length === 0) return ":";
  const items = offers.map(([word, meaning]) => quoted(`${word}:${meaning.replaceAll(":", "\\:")}`));
  return `offers=(${items.join(" ")}); _describe word offers`;
}

function offer(value: Value): string {
  if ("path" in value) return value.path === "folder" ? "_files -/" : "_files";
  return value.words.length === 0 ? ":" : `compadd -- ${value.words.map(quoted).join(" ")}`;
}
