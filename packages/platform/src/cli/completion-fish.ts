// Completion for fish, with the meaning beside each word.

import { type Stop, stepsOf, type Value } from "./completion-stops.js";

export function fishScript(program: string, stops: readonly Stop[]): string {
  const at = `__${program.replaceAll("-", "_")}_at`;
  const { commands, options } = stepsOf(stops);
  return `# Completion of ${program} for fish: ${program} completion fish > ~/.config/fish/completions/${program}.fish
function ${at}
  set -l place ''
  set -l option ''
  for word in (commandline -opc)[2..-1]
    if test -n "$option"
      set option ''
      continue
    end
    switch "$place $word"
      case ${commands.map(quoted).join(" ")}
        set place (string trim -- "$place $word")
      case ${options.map(quoted).join(" ")}
        set option $word
    end
  end
  contains -- "$place" $argv
end
complete -c ${program} -f
${stops.flatMap((stop) => linesOf(`complete -c ${program} -n "${at} ${stop.paths.map(quoted).join(" ")}"`, stop)).join("\n")}
`;
}

function linesOf(start: string, { commands, options, values, argument }: Stop): string[] {
  const byOption = new Map(values);
  return [
    ...commands.map(([word, meaning]) => `${start} -a ${word} -d ${quoted(meaning)}`),
    ...options.map(([word, meaning]) => {
      const value = byOption.get(word);
      return `${start} -l ${word.slice(2)}${value === undefined ? "" : ` -r ${offer(value)}`} -d ${quoted(meaning)}`;
    }),
    ...(argument === undefined ? [] : [`${start} ${offer(argument)}`]),
  ];
}

function offer(value: Value): string {
  if ("words" in value) return value.words.length === 0 ? "-f" : `-f -a ${quoted(value.words.join(" "))}`;
  return value.path === "folder" ? "-f -a '(__fish_complete_directories)'" : "-F";
}

/** Within single quotes fish knows two escapes. */
const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
