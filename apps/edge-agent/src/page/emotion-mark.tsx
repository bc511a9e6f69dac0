// The mark of an emotion: a shape and a colour by its place in the release's labels, beside its word. So
// no colour stands alone.

const shapes = [
  "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z",
  "M8 1.5 15 14H1z",
  "M2 2h12v12H2z",
  "M8 1 15 8 8 15 1 8z",
  "M8 1.5c4 5 5.5 6.500 5.500 8.500a5.500 4.500 0 0 1-11 0c0-2 1.500-3.500 5.500-8.500z",
  "M8 1l2 5h5l-4 3.500 1.500 5.500L8 11.500 3.500 15 5 9.500 1 6h5z",
  "M5.500 1.500h5v4h4v5h-4v4h-5v-4h-4v-5h4z",
  "M4.500 1.500h7L15 8l-3.500 6.500h-7L1 8z",
];

export function EmotionMark({ index }: { readonly index: number }) {
  const outlined = Math.floor(index / shapes.length) % 2 === 1;
  return (
    <svg
      class={`mark hue-${index % shapes.length}${outlined ? " outlined" : ""}`}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      <path d={shapes[index % shapes.length]} />
    </svg>
  );
}
