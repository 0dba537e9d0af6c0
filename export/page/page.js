"use strict";
(() => {
  const $ = id => document.getElementById(id);
  const model = JSON.parse($("model").textContent), { facts } = model;
  const [height, width, channels] = facts.shape, pixels = height * width, dim = facts.dim;
  const GRID = Math.max(5, Math.min(11, Math.floor(320 / Math.max(height, width)))), FIRST = 8;
  const state = { code: Float32Array.from(facts.start), label: 0, slots: [], across: facts.order[0], up: facts.order[1] ?? facts.order[0] };

  // --- who computes: this page, or the server that it came from -----------------------------------------------------
  const labels = () => facts.classes.length ? [[state.label]] : [];
  const local = {};
  if (model.programs) {
    const blob = Network.bytes(model.blob);
    for (const name of Object.keys(model.programs)) local[name] = Network.load(model.programs[name], blob);
    model.blob = "";
  }
  async function remote(path, body) {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const content = await answer.json().catch(() => ({ error: `the server answers ${answer.status}` }));
    if (!answer.ok) throw new Error(content.error);
    return Float32Array.from(content.values);
  }
  async function decode(code) {
    if (local.decode) return local.decode(code, ...labels());
    return remote("decode", { latent: Array.from(code), label: state.label });
  }
  async function encode(image) {
    if (local.encode) return local.encode(image, ...labels());
    return remote("encode", { image: Array.from(image), label: state.label });
  }
  const say = message => { $("banner").textContent = message; };

  // --- pictures ------------------------------------------------------------------------------------------------------
  function paint(context, image, x = 0, y = 0) {
    const data = context.createImageData(width, height);
    for (let i = 0; i < pixels; i++) {
      for (let c = 0; c < 3; c++) data.data[4 * i + c] = 255 * image[channels === 3 ? 3 * i + c : channels * i];
      data.data[4 * i + 3] = 255;
    }
    context.putImageData(data, x, y);
  }
  function sized(canvas, w, h) {
    canvas.width = w; canvas.height = h;
    return canvas.getContext("2d", { willReadFrequently: true });
  }
  const stage = sized($("image"), width, height), map = sized($("manifold"), GRID * width, GRID * height);

  let dirty = false, busy = false;
  const times = [];
  async function show() {
    if (busy) return;
    busy = true; dirty = false;
    try {
      const began = performance.now(), image = await decode(state.code);
      times.push(performance.now() - began);
      if (times.length > 1000) times.shift();
      paint(stage, image);
      if ($("banner").textContent.startsWith("Not decoded")) say("");  // it is again
    } catch (error) { say(`Not decoded: ${error.message}`); }
    busy = false;
    if (dirty) requestAnimationFrame(show);
  }
  function changed({ map: redraw = true, seeded = false } = {}) {
    if (!seeded) $("seed").value = "";  // the code is no longer that of a seed
    dirty = true;
    requestAnimationFrame(show);
    showDot(); showSliders(); showPython();
    if (redraw) plan();
  }

  // --- the pad -------------------------------------------------------------------------------------------------------
  const at = (i, share) => facts.low[i] + share * (facts.high[i] - facts.low[i]);
  const share = i => Math.min(1, Math.max(0, (state.code[i] - facts.low[i]) / (facts.high[i] - facts.low[i])));
  function showDot() {
    $("dot").style.left = `${100 * share(state.across)}%`;
    $("dot").style.top = `${100 * (1 - share(state.up))}%`;
  }
  let timer = 0, turn = 0, drawn = "";
  function plan() {  // the manifold is drawn when the code has been still for a moment
    clearTimeout(timer);
    timer = setTimeout(manifold, drawn ? 180 : 0);
  }
  async function manifold() {
    const base = Float32Array.from(state.code), { across, up } = state, mine = ++turn;
    base[across] = base[up] = 0;
    const key = [across, up, state.label, ...base].join();
    if (key === drawn) return;
    let last = performance.now();
    // coarse to fine: every place at once would keep the page from following the finger
    const places = [];
    for (let step = 4; step >= 1; step /= 2) for (let r = 0; r < GRID; r += step) for (let c = 0; c < GRID; c += step)
      if (step === 4 || r % (2 * step) || c % (2 * step)) places.push([r, c, step]);
    for (const [r, c, step] of places) {
      base[across] = at(across, (c + 0.5) / GRID);
      base[up] = at(up, 1 - (r + 0.5) / GRID);
      let image;
      try { image = await decode(base); } catch { return; }
      if (mine !== turn) return;
      for (let i = r; i < Math.min(GRID, r + step); i++) for (let j = c; j < Math.min(GRID, c + step); j++)
        if (i === r && j === c || !drawn) paint(map, image, j * width, i * height);
      if (performance.now() - last > 10) {
        await new Promise(requestAnimationFrame);
        if (mine !== turn) return;
        last = performance.now();
      }
    }
    drawn = key;
  }
  function toPad(event) {
    const box = $("pad").getBoundingClientRect();
    const x = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)), y = Math.min(1, Math.max(0, (event.clientY - box.top) / box.height));
    state.code[state.across] = at(state.across, x);
    state.code[state.up] = at(state.up, 1 - y);
    stop(); changed({ map: false });
  }
  $("pad").addEventListener("pointerdown", event => { $("pad").setPointerCapture(event.pointerId); toPad(event); });
  $("pad").addEventListener("pointermove", event => { if (event.buttons) toPad(event); });
  $("pad").addEventListener("keydown", event => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!move) return;
    event.preventDefault();
    const step = event.shiftKey ? 0.1 : 0.02;
    for (const [i, by] of [[state.across, move[0]], [state.up, move[1]]]) if (by) state.code[i] = at(i, Math.min(1, Math.max(0, share(i) + by * step)));
    stop(); changed({ map: false });
  });
  for (const axis of ["across", "up"]) {
    for (const i of facts.order) $(axis).add(new Option(`z${i}`, i));
    $(axis).value = state[axis];
    $(axis).addEventListener("change", () => { state[axis] = +$(axis).value; changed(); });
  }

  // --- sliders ---------------------------------------------------------------------------------------------------------
  const sliders = new Map();
  function addSliders(dims) {
    for (const i of dims) {
      const label = document.createElement("label"), name = document.createElement("b"), input = document.createElement("input"), value = document.createElement("output");
      name.textContent = `z${i}`;
      Object.assign(input, { type: "range", min: facts.low[i], max: facts.high[i], step: (facts.high[i] - facts.low[i]) / 500 });
      input.setAttribute("aria-label", `Dimension ${i}`);
      input.addEventListener("input", () => { state.code[i] = +input.value; stop(); changed(); });
      label.append(name, input, value);
      $("sliders").append(label);
      sliders.set(i, [input, value]);
    }
    showSliders();
  }
  function showSliders() {
    for (const [i, [input, value]] of sliders) {
      if (document.activeElement !== input || Math.abs(input.value - state.code[i]) > 0.01) input.value = state.code[i];
      value.textContent = state.code[i].toFixed(2);
    }
  }
  $("more").addEventListener("click", () => { addSliders(facts.order.slice(sliders.size)); $("more").hidden = true; });

  // --- draws, classes --------------------------------------------------------------------------------------------------
  const draws = facts.draws ? new Float32Array(Network.bytes(facts.draws).buffer) : null, seeds = draws ? draws.length / dim : 2 ** 31;
  function generator(seed) {  // mulberry32, and Box and Muller's normals: where the page has no codes of Python's
    let a = seed >>> 0;
    const uniform = () => { a = a + 0x6D2B79F5 | 0; let t = Math.imul(a ^ a >>> 15, 1 | a); t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t; return ((t ^ t >>> 14) >>> 0) / 4294967296; };
    return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  function draw(seed) {
    const normal = generator(seed);
    state.code = draws ? draws.slice(seed * dim, (seed + 1) * dim) : Float32Array.from({ length: dim }, normal);
    $("seed").value = seed;
    stop(); changed({ seeded: true });
  }
  $("random").addEventListener("click", () => draw(Math.floor(Math.random() * seeds)));
  $("seed").max = seeds - 1;
  $("seed").addEventListener("change", () => $("seed").value !== "" && draw(Math.min(seeds - 1, Math.max(0, Math.floor(+$("seed").value || 0)))));
  $("reset").addEventListener("click", () => { state.code = Float32Array.from(facts.start); stop(); changed(); });
  facts.classes.forEach((name, number) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: name });
    button.setAttribute("aria-pressed", String(number === 0));
    button.addEventListener("click", () => {
      state.label = number;
      [...$("classes").children].forEach((each, i) => each.setAttribute("aria-pressed", String(i === number)));
      changed({ seeded: true });
    });
    $("classes").append(button);
  });

  // --- stored codes, the line between two, arithmetic --------------------------------------------------------------
  const letters = i => String.fromCharCode(65 + i % 26) + (i < 26 ? "" : Math.floor(i / 26));
  async function store() {
    const slot = { code: Float32Array.from(state.code), label: state.label, name: letters(state.slots.length) };
    state.slots.push(slot);
    const figure = document.createElement("figure"), button = document.createElement("button"), canvas = document.createElement("canvas");
    button.type = "button"; button.title = `Show code ${slot.name}`;
    button.append(canvas);
    button.addEventListener("click", () => { state.code = Float32Array.from(slot.code); stop(); changed(); });
    figure.append(button, slot.name);
    if (state.slots.length === 1) $("slots").replaceChildren();
    $("slots").append(figure);
    const selects = ["from", "to", "plus", "minus", "also"];
    for (const id of selects) $(id).add(new Option(slot.name, state.slots.length - 1));
    if (state.slots.length <= 3) selects.forEach((id, i) => { $(id).selectedIndex = [0, 1, 0, 1, 2][i] < state.slots.length ? [0, 1, 0, 1, 2][i] : state.slots.length - 1; });
    ready();
    paint(sized(canvas, width, height), await decode(slot.code));
  }
  function ready() {
    for (const id of ["between", "play"]) $(id).disabled = state.slots.length < 2;
    $("equals").disabled = !state.slots.length;
  }
  $("store").addEventListener("click", store);
  const slot = id => state.slots[+$(id).value].code;
  function line(t) {
    const a = slot("from"), b = slot("to");
    state.code = a.map((value, i) => (1 - t) * value + t * b[i]);
    $("between").value = t;
    changed({ map: false });
  }
  $("between").addEventListener("input", () => { stop(); line(+$("between").value); });
  let playing = 0;
  function stop() { if (playing) { cancelAnimationFrame(playing); playing = 0; $("play").textContent = "Play"; $("play").setAttribute("aria-pressed", "false"); } }
  $("play").addEventListener("click", () => {
    if (playing) { stop(); plan(); return; }
    const began = performance.now(), from = Math.acos(1 - 2 * +$("between").value);
    $("play").textContent = "Stop"; $("play").setAttribute("aria-pressed", "true");
    const frame = now => { line((1 - Math.cos(from + Math.max(0, now - began) / 900)) / 2); playing = requestAnimationFrame(frame); };
    playing = requestAnimationFrame(frame);
  });
  $("equals").addEventListener("click", () => {
    const [a, b, c] = ["plus", "minus", "also"].map(slot);
    state.code = a.map((value, i) => value - b[i] + c[i]);
    stop(); changed();
  });

  // --- drawing and upload --------------------------------------------------------------------------------------------
  const paper = sized($("paper"), width, height);
  const blank = () => { paper.fillStyle = "#000"; paper.fillRect(0, 0, width, height); };
  function seen() {
    const { data } = paper.getImageData(0, 0, width, height), image = new Float32Array(pixels * channels);
    for (let i = 0; i < pixels; i++) {
      const rgb = [0, 1, 2].map(c => data[4 * i + c] / 255);
      if (channels === 3) image.set(rgb, 3 * i); else image.fill((rgb[0] * 0.299 + rgb[1] * 0.587 + rgb[2] * 0.114), channels * i, channels * i + channels);
    }
    return image;
  }
  let encoding = false, waiting = false;
  async function take() {
    if (encoding) { waiting = true; return; }
    encoding = true;
    try {
      state.code = Float32Array.from(await encode(seen()));
      stop(); changed();
    } catch (error) { say(`Not encoded: ${error.message}`); }
    encoding = false;
    if (waiting) { waiting = false; take(); }
  }
  let pen = null, due = 0;
  const where = event => { const box = $("paper").getBoundingClientRect(); return [(event.clientX - box.left) * width / box.width, (event.clientY - box.top) * height / box.height]; };
  function stroke(event) {
    const to = where(event);
    Object.assign(paper, { strokeStyle: $("ink").value, lineWidth: Math.max(1.2, Math.min(width, height) / 12), lineCap: "round" });
    paper.beginPath(); paper.moveTo(...(pen || to)); paper.lineTo(to[0] + 0.01, to[1]); paper.stroke();
    pen = to;
    if (performance.now() > due) { due = performance.now() + 60; take(); }
  }
  $("paper").addEventListener("pointerdown", event => { $("paper").setPointerCapture(event.pointerId); pen = null; stroke(event); });
  $("paper").addEventListener("pointermove", event => { if (event.buttons) stroke(event); });
  $("paper").addEventListener("pointerup", () => { pen = null; take(); });
  $("clear").addEventListener("click", blank);
  $("again").addEventListener("click", take);
  $("invert").addEventListener("click", () => {
    const image = paper.getImageData(0, 0, width, height);
    image.data.forEach((value, i) => { if (i % 4 < 3) image.data[i] = 255 - value; });
    paper.putImageData(image, 0, 0);
    take();
  });
  $("file").addEventListener("change", async () => {
    const [file] = $("file").files;
    if (!file) return;
    try {
      const picture = await createImageBitmap(file), scale = Math.max(width / picture.width, height / picture.height);
      const w = picture.width * scale, h = picture.height * scale;
      blank();
      paper.imageSmoothingQuality = "high";
      paper.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
      say("");
      take();
    } catch { say(`${file.name} is no picture that this browser can read.`); }
    $("file").value = "";
  });

  // --- Python -----------------------------------------------------------------------------------------------------------
  function python() {
    const code = Array.from(state.code, value => +value.toPrecision(6)).join(", ");
    return `${facts.imports}\nmodel = ${facts.python}\nimage = model.decode([[${code}]]${facts.classes.length ? `, label=${state.label}` : ""})`;
  }
  function showPython() { $("python").textContent = python(); }
  $("copy").addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(python()); } catch {
      getSelection().selectAllChildren($("python"));
      document.execCommand("copy");
    }
    $("copy").textContent = "Copied";
    setTimeout(() => { $("copy").textContent = "Copy as Python"; }, 1500);
  });

  // --- the beginning ------------------------------------------------------------------------------------------------------
  facts.imports ??= "import tfgen";
  $("name").textContent = facts.name;
  $("about").textContent = `${dim} dimension${dim === 1 ? "" : "s"}, ${height} × ${width}${channels === 3 ? " in colour" : ""}, ${facts.by}`;
  $("classes").hidden = !facts.classes.length;
  $("drawing").hidden = !facts.encodes;
  if (facts.classes.length) $("how").textContent = `Choose the class of what you draw first. ${$("how").textContent}`;
  if (channels !== 3) $("ink").hidden = true;
  if (draws === null && !facts.normal) $("random").disabled = $("seed").disabled = true;
  $("slots").innerHTML = "<p>Store two codes to walk the line between them, three for A − B + C.</p>";
  addSliders(facts.order.slice(0, FIRST));
  if (dim > FIRST) { $("more").hidden = false; $("more").textContent = `All ${dim} dimensions`; }
  blank(); ready();
  document.querySelector("main").hidden = false;
  say("");
  changed();
  window.play = { state, decode, times, changed };  // for tests and benchmarks
})();
