// The look of all charts, in light and in dark pages alike.

/** CSS rules. The page defines the colours --ink (text), --soft (notes) and --line (rules), and places figures. */
export const chartStyle = `
figure{margin:0}figcaption{font-weight:600}
svg{max-width:100%;height:auto}svg text{fill:var(--ink);font-size:11px}svg text.small{font-size:9.5px}svg text.light{fill:#fff}
svg .grid{stroke:var(--line)}svg .level{stroke:var(--soft);stroke-width:1.4}
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.86rem;max-width:440px}
.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:50%;margin-right:.35rem;vertical-align:-1px}.legend svg{margin-right:.35rem}`;
