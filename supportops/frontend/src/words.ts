// Texts come from the catalogue that every page of the admin loads.

declare global {
  function gettext(text: string): string;
  function ngettext(one: string, many: string, count: number): string;
  function interpolate(text: string, values: Record<string, string | number>, named: true): string;
}

/** Fills in named places, %(name)s. */
export function filled(text: string, values: Record<string, string | number>): string {
  return interpolate(text, values, true);
}
