"use strict";
// Runs the programs that export/page/program.py makes of a model's functions, on typed arrays.
const Network = (() => {
  const erf = x => {  // Abramowitz and Stegun 7.1.26, to 1.5e-7
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const y = 1 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
    return x < 0 ? -y : y;
  };
  const SAME = {
    Abs: Math.abs, Elu: x => x > 0 ? x : Math.expm1(x), Exp: Math.exp, Expm1: Math.expm1, Log: Math.log, Log1p: Math.log1p,
    Neg: x => -x, Relu: x => x > 0 ? x : 0, Relu6: x => x < 0 ? 0 : x > 6 ? 6 : x, Rsqrt: x => 1 / Math.sqrt(x),
    Selu: x => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)), Sigmoid: x => 1 / (1 + Math.exp(-x)),
    Softplus: x => x > 30 ? x : Math.log1p(Math.exp(x)), Softsign: x => x / (1 + Math.abs(x)), Sqrt: Math.sqrt,
    Square: x => x * x, Tanh: Math.tanh, Sin: Math.sin, Cos: Math.cos, Floor: Math.floor, Sign: Math.sign,
    Reciprocal: x => 1 / x, Erf: erf,
    Round: x => { const f = Math.floor(x), d = x - f; return d < 0.5 ? f : d > 0.5 ? f + 1 : f % 2 ? f + 1 : f; },
  };
  const PAIRS = {
    Add: (a, b) => a + b, Sub: (a, b) => a - b, Mul: (a, b) => a * b, Div: (a, b) => a / b, Pow: Math.pow,
    Maximum: Math.max, Minimum: Math.min, Less: (a, b) => +(a < b), LessEqual: (a, b) => +(a <= b),
    Greater: (a, b) => +(a > b), GreaterEqual: (a, b) => +(a >= b), Equal: (a, b) => +(a === b),
    SquaredDifference: (a, b) => (a - b) * (a - b),
  };
  function each(f, a, y) { for (let i = 0; i < y.length; i++) y[i] = f(a[i]); }
  function both(f, a, b, y) {  // the shorter of the two is repeated
    const n = y.length, m = a.length, k = b.length;
    if (m === n && k === n) for (let i = 0; i < n; i++) y[i] = f(a[i], b[i]);
    else if (m === n) for (let i = 0, j = 0; i < n; i++) { y[i] = f(a[i], b[j]); if (++j === k) j = 0; }
    else for (let i = 0; i < n; i++) y[i] = f(a[i % m], b[i % k]);
  }
  const size = shape => shape.reduce((a, b) => a * b, 1);

  function matmul(x, w, y, rows, inner, columns) {
    for (let row = 0; row < rows; row++) {
      const sum = new Float64Array(columns);
      for (let i = 0; i < inner; i++) {
        const value = x[row * inner + i];
        if (value === 0) continue;
        const start = i * columns;
        for (let j = 0; j < columns; j++) sum[j] += value * w[start + j];
      }
      y.set(sum, row * columns);
    }
  }
  // Products of matrices go in blocks of four rows and two columns, whose eight sums stay in registers: `left` holds
  // panels of four rows, `right` of two columns, each [inner][4] or [inner][2].
  function product(left, right, y, rows, inner, columns) {
    for (let j = 0; j < columns; j += 2) {
      const wide = j + 1 < columns;
      for (let i = 0; i < rows; i += 4) {
        let a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0;
        for (let k = 0, p = i * inner, q = j * inner; k < inner; k++, p += 4, q += 2) {
          const u = right[q], v = right[q + 1], a = left[p], b = left[p + 1], c = left[p + 2], d = left[p + 3];
          a0 += a * u; a1 += a * v; b0 += b * u; b1 += b * v; c0 += c * u; c1 += c * v; d0 += d * u; d1 += d * v;
        }
        const at = i * columns + j, more = rows - i;
        y[at] = a0; if (wide) y[at + 1] = a1;
        if (more > 1) { y[at + columns] = b0; if (wide) y[at + columns + 1] = b1; }
        if (more > 2) { y[at + 2 * columns] = c0; if (wide) y[at + 2 * columns + 1] = c1; }
        if (more > 3) { y[at + 3 * columns] = d0; if (wide) y[at + 3 * columns + 1] = d1; }
      }
    }
  }
  const panelled = (rows, inner) => new Float32Array(Math.ceil(rows / 4) * 4 * inner);
  // A matrix in panels of two columns; `at(k, j)` is the place of its entry in w.
  function columnPanels(w, inner, columns, at) {
    const panels = new Float32Array(Math.ceil(columns / 2) * 2 * inner);
    for (let j = 0; j < columns; j++) for (let k = 0; k < inner; k++) panels[(j >> 1) * 2 * inner + 2 * k + (j & 1)] = w[at(k, j)];
    return panels;
  }
  function conv(x, w, y, [, H, W, C], [kh, kw, , F], [, h, v], [sh, sw], [top, left]) {
    const inner = kh * kw * C, right = columnPanels(w, inner, F, (k, f) => k * F + f), patches = panelled(h * v, inner);
    return () => {
      for (let r = 0, row = 0; r < h; r++) for (let c = 0; c < v; c++, row++) {
        let to = (row >> 2) * 4 * inner + (row & 3);
        for (let i = 0; i < kh; i++) {
          const a = r * sh + i - top;
          for (let j = 0; j < kw; j++) {
            const b = c * sw + j - left;
            if (a < 0 || a >= H || b < 0 || b >= W) for (let k = 0; k < C; k++, to += 4) patches[to] = 0;
            else for (let k = 0, from = (a * W + b) * C; k < C; k++, to += 4) patches[to] = x[from + k];
          }
        }
      }
      product(patches, right, y, h * v, inner, F);
    };
  }
  // Each place of x, times the kernel [kh, kw, F, C], is added to a window of y.
  function convTranspose(x, w, y, [, h, v, C], [kh, kw, F], [, H, W], [sh, sw], [top, left]) {
    const size = kh * kw * F, right = columnPanels(w, C, size, (k, j) => j * C + k);
    const places = panelled(h * v, C), windows = new Float32Array(h * v * size), sum = new Float64Array(H * W * F);
    return () => {
      for (let row = 0; row < h * v; row++) for (let k = 0, to = (row >> 2) * 4 * C + (row & 3); k < C; k++, to += 4) places[to] = x[row * C + k];
      product(places, right, windows, h * v, C, size);
      sum.fill(0);
      for (let r = 0, from = 0; r < h; r++) for (let c = 0; c < v; c++) for (let i = 0; i < kh; i++) {
        const a = r * sh + i - top;
        for (let j = 0; j < kw; j++, from += F) {
          const b = c * sw + j - left;
          if (a < 0 || a >= H || b < 0 || b >= W) continue;
          for (let f = 0, to = (a * W + b) * F; f < F; f++) sum[to + f] += windows[from + f];
        }
      }
      y.set(sum);
    };
  }
  function take(sources, runs, y) {
    let at = 0;
    for (let i = 0; i < runs.length; i += 2) {
      let from = runs[i] - 1, count = runs[i + 1];
      if (from < 0) { y.fill(0, at, at + count); at += count; continue; }
      for (const source of sources) {
        if (from >= source.length) { from -= source.length; continue; }
        const part = Math.min(count, source.length - from);
        for (let k = 0; k < part; k++) y[at + k] = source[from + k];
        at += part; count -= part; from = 0;
        if (!count) break;
      }
    }
  }
  function reduce(op, x, y, n) {
    for (let i = 0; i * n < x.length; i++) {
      const row = x.subarray(i * n, i * n + n), top = row.reduce((a, b) => a > b ? a : b);
      if (op === "ArgMax") y[i] = row.indexOf(top);
      else if (op === "Max") y[i] = top;
      else if (op === "Sum" || op === "Mean") y[i] = row.reduce((a, b) => a + b, 0) / (op === "Mean" ? n : 1);
      else {
        const total = row.reduce((a, b) => a + Math.exp(b - top), 0);
        for (let k = 0; k < n; k++) y[i * n + k] = op === "Softmax" ? Math.exp(row[k] - top) / total : row[k] - top - Math.log(total);
      }
    }
  }
  function compile(step, shapes, buffers) {
    const y = buffers[step.out], [a, b, c] = step.in.map(number => buffers[number]), [s, t] = step.in.map(number => shapes[number]);
    const to = shapes[step.out];
    switch (step.op) {
      case "Pass": return null;
      case "MatMul": return () => matmul(a, b, y, to[0], t[0], to[1]);
      case "Conv": return conv(a, b, y, s, t, to, step.strides, step.pads);
      case "ConvTranspose": return convTranspose(a, b, y, s, t, to, step.strides, step.pads);
      case "Take": { const from = step.in.map(number => buffers[number]); return () => take(from, step.runs, y); }
      case "Select": return () => { for (let i = 0; i < y.length; i++) y[i] = a[i % a.length] ? b[i % b.length] : c[i % c.length]; };
      case "OneHot": return () => { y.fill(step.off); a.forEach((label, i) => { if (label >= 0 && label < step.depth) y[i * step.depth + label] = step.on; }); };
      case "LeakyRelu": return () => { for (let i = 0; i < y.length; i++) y[i] = a[i] > 0 ? a[i] : step.alpha * a[i]; };
    }
    if (step.size) return () => reduce(step.op, a, y, step.size);
    if (SAME[step.op]) return () => each(SAME[step.op], a, y);
    if (PAIRS[step.op]) return () => both(PAIRS[step.op], a, b, y);
    throw new Error(`unknown operation ${step.op}`);
  }

  // IEEE half precision to float, by a table of all 65,536
  let table = null;
  function halves(bytes, offset, count) {
    if (!table) {
      table = new Float32Array(65536);
      for (let h = 0; h < 65536; h++) {
        const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, part = h & 1023;
        table[h] = sign * (exponent === 0 ? part * 2 ** -24 : exponent === 31 ? (part ? NaN : Infinity) : (1 + part / 1024) * 2 ** (exponent - 15));
      }
    }
    const half = new Uint16Array(bytes.buffer, bytes.byteOffset + offset, count);
    return Float32Array.from(half, h => table[h]);
  }
  function bytes(text) {
    const binary = atob(text), out = new Uint8Array(binary.length);
    for (let i = 0; i < out.length; i++) out[i] = binary.charCodeAt(i);
    return out;
  }
  // A program -> a function from its inputs, arrays of numbers, to its answer, a Float32Array of its own.
  function load(program, blob) {
    const { shapes } = program, buffers = new Array(shapes.length).fill(null);
    for (const [number, kind, offset] of program.constants) {
      const count = size(shapes[number]);
      buffers[number] = kind === "half" ? halves(blob, offset, count) : new Float32Array(blob.buffer.slice(blob.byteOffset + offset, blob.byteOffset + offset + 4 * count));
    }
    for (const number of program.inputs) buffers[number] = new Float32Array(size(shapes[number]));
    const steps = [];
    for (const step of program.steps) {
      buffers[step.out] = step.op === "Pass" ? buffers[step.in[0]] : new Float32Array(size(shapes[step.out]));
      const run = compile(step, shapes, buffers);
      if (run) steps.push(run);
    }
    return (...inputs) => {
      program.inputs.forEach((number, i) => buffers[number].set(inputs[i]));
      for (const run of steps) run();
      return buffers[program.output].slice();
    };
  }
  return { load, bytes, halves };
})();
if (typeof module !== "undefined") module.exports = Network;
