// Frame numbers as timecode (SMPTE ST 12-1), drop frame included.

export function timecode(frame, [num, den], dropFrame) {
  const nominal = Math.round(num / den);
  let count = frame;
  if (dropFrame) {
    const dropped = Math.round(nominal / 15), perMinute = nominal * 60 - dropped;
    const perTen = perMinute * 10 + dropped;
    const tens = Math.floor(count / perTen), rest = count % perTen;
    const minutes = rest < nominal * 60 ? 0 : 1 + Math.floor((rest - nominal * 60) / perMinute);
    count += dropped * (tens * 9 + minutes);
  }
  const seconds = Math.floor(count / nominal);
  const two = (value) => String(value).padStart(2, "0");
  const label = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return `${label}${dropFrame ? ";" : ":"}${two(count % nominal)}`;
}
