// Two and a half seconds of silence.
export function recording() {
  const format = Buffer.alloc(44);
  format.write('RIFF', 0);
  format.writeUInt32LE(36 + 40_000, 4);
  format.write('WAVEfmt ', 8);
  // PCM of one channel, 8,000 samples of 16 bits a second.
  [[16, 16, 4], [20, 1, 2], [22, 1, 2], [24, 8_000, 4], [28, 16_000, 4], [32, 2, 2], [34, 16, 2]]
    .forEach(([at, value, bytes]) => format.writeUIntLE(value, at, bytes));
  format.write('data', 36);
  format.writeUInt32LE(40_000, 40);
  return Buffer.concat([format, Buffer.alloc(40_000)]);
}
