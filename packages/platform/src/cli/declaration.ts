// Declares a command once. Parsing, help, completion and the types of the body's input all come from this declaration.

/** A value that a person types: a whole number, one of some words, the result of `parse`, or else a text. */
interface ValueDeclaration {
  readonly whole?: { readonly from: number; readonly to?: number };
  readonly choices?: readonly string[];
  /** Throws a SyntaxError that names the expected form: "is not a duration such as 90s". */
  readonly parse?: (text: string) => unknown;
  /** Completion offers files, or folders alone. */
  readonly path?: "file" | "folder";
}

export interface OptionDeclaration extends ValueDeclaration {
  /** The name of the option's value in the help. An option without a value is a switch. */
  readonly value?: string;
  readonly meaning: string;
  /** The default as a person would type it. */
  readonly default?: string;
  readonly required?: true;
  readonly multiple?: true;
}

export interface ArgumentDeclaration extends ValueDeclaration {
  readonly name: string;
  readonly meaning: string;
  readonly optional?: true;
  /** Marks an argument that may be repeated; only the last argument may be variadic. */
  readonly variadic?: true;
}

export type Options = Readonly<Record<string, OptionDeclaration>>;

/** A titled list at the end of a help: the variables of an environment, the forms of a dataset. */
export interface HelpSection {
  readonly title: string;
  readonly items: readonly (readonly [term: string, meaning: string])[];
}

export interface Declaration {
  readonly name: string;
  /** Another name that a person may look for. */
  readonly alias?: string;
  /** The command's line in the list of commands. */
  readonly summary: string;
  /** Lines of the help, each of one or a few sentences. */
  readonly details?: readonly string[];
  readonly arguments?: readonly ArgumentDeclaration[];
  readonly options?: Options;
  readonly sections?: readonly HelpSection[];
  /** Whole command lines. */
  readonly examples: readonly string[];
}

type TextOf<V> = V extends { readonly whole: object }
  ? number
  : V extends { readonly choices: readonly (infer Choice)[] }
    ? Choice
    : V extends { readonly parse: (text: string) => infer Parsed }
      ? Parsed
      : string;

type OptionValue<O> = O extends { readonly value: string }
  ? O extends { readonly multiple: true }
    ? readonly TextOf<O>[]
    : O extends { readonly required: true } | { readonly default: string }
      ? TextOf<O>
      : TextOf<O> | undefined
  : boolean;

type ArgumentValue<A> = A extends { readonly variadic: true }
  ? readonly TextOf<A>[]
  : A extends { readonly optional: true }
    ? TextOf<A> | undefined
    : TextOf<A>;

export type ValuesOf<O> = { readonly [name in keyof O]: OptionValue<O[name]> };

/** The input of a command's body, from its command line. */
export interface Input<D> {
  readonly values: D extends { readonly options: infer O } ? ValuesOf<O> : Readonly<Record<never, never>>;
  readonly arguments: D extends { readonly arguments: infer A }
    ? { readonly [index in keyof A]: ArgumentValue<A[index]> }
    : readonly [];
}

/** The body of a command. A number is the exit code; no number means 0. */
export type Body<D, Context> = (input: Input<D>, context: Context) => Promise<number> | Promise<void>;

/** A command as a program holds it: a body that is loaded when the command runs, or a group of commands. */
export interface Command<Context> {
  readonly declaration: Declaration;
  readonly commands: readonly Command<Context>[];
  readonly load: () => Promise<(input: UncheckedInput, context: Context) => Promise<number | undefined>>;
}

export interface UncheckedInput {
  readonly values: Readonly<Record<string, unknown>>;
  readonly arguments: readonly unknown[];
}

export function declare<const D extends Declaration>(declaration: D): D {
  return declaration;
}

/** Joins a declaration and the loader of its body, whose types must agree. */
export function command<Context, D extends Declaration>(
  declaration: D,
  load: () => Promise<Body<D, Context>>,
): Command<Context> {
  return { declaration, commands: [], load: load as unknown as Command<Context>["load"] };
}

/** A command that only holds other commands. */
export function group<Context>(declaration: Declaration, commands: readonly Command<Context>[]): Command<Context> {
  return {
    declaration,
    commands,
    load: () => Promise.reject(new TypeError(`${declaration.name} has no body of its own`)),
  };
}
