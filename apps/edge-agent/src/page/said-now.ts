// The person's local time with its offset, as entries keep it.

/** As in 2026-03-29T23:15:00+02:00. `offsetMinutes`: the minutes to add to UTC; default: the zone of this device. */
export function saidNow(now = new Date(), offsetMinutes = -now.getTimezoneOffset()): string {
  const local = new Date(now.getTime() + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const sign = offsetMinutes < 0 ? "-" : "+";
  const minutes = Math.abs(offsetMinutes);
  return `${local}${sign}${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
