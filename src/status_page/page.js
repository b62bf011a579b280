"use strict";
(() => {
  const KEPT = 180, EVERY = 1000, WIDTH = 720, HEIGHT = 136;
  const by = id => document.getElementById(id);
  const samples = [];
  let before = null, timer = 0, paused = false;
  document.documentElement.classList.add("script");

  const number = value => value >= 100 || Number.isInteger(value)
    ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 10 ? 1 : 2);
  const scaled = (value, units, step) => {
    let index = 0;
    while (value >= step && index < units.length - 1) { value /= step; index++; }
    return number(value) + " " + units[index];
  };
  const seconds = value => value === 0 ? "0" : value < 1e-3 ? number(value * 1e6) + " µs"
    : value < 1 ? number(value * 1e3) + " ms" : number(value) + " s";
  const bytes = value => scaled(value, ["B", "kB", "MB", "GB", "TB"], 1000);
  const span = value => {
    const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
    const found = parts.findIndex(([size]) => value >= size);
    return found < 0 ? "0 s" : parts.slice(found, found + 2).map(([size, unit], index) =>
      Math.floor(index ? value % parts[found][0] / size : value / size) + " " + unit).join(" ");
  };
  const units = { count: value => value.toLocaleString("en"), seconds, bytes, span, text: String,
    call: call => `${seconds(call.duration)} ${call.method} ${call.path}`
      + (call.waits_for_client ? ", waits for its client" : "") };

  // The part of what came since the last look that took no longer than the result.
  const quantile = (now, then, part) => {
    const old = new Map(then.buckets);
    const fresh = now.buckets.map(([bound, count]) => [bound, count - (old.get(bound) || 0)])
      .filter(([, count]) => count > 0);
    const all = fresh.reduce((sum, [, count]) => sum + count, 0);
    let below = 0;
    for (const [bound, count] of fresh) {
      below += count;
      if (below >= all * part) return bound === null ? 100 : bound;
    }
    return null;
  };

  const take = now => {
    if (before && now.run_time > before.run_time && now.requests >= before.requests) {
      const time = now.run_time - before.run_time;
      samples.push({
        rate: (now.requests - before.requests) / time,
        p50: quantile(now.application, before.application, 0.5),
        p99: quantile(now.application, before.application, 0.99),
        busy: now.threads - now.threads_idle, threads: now.threads,
        queue: now.queue, connections: now.connections,
      });
      if (samples.length > KEPT) samples.shift();
    }
    before = now;
  };

  // The plots begin with one minute, and grow to what is kept.
  const shown = () => [60, 120, KEPT].find(count => count >= samples.length);
  const round = most => {
    const power = 10 ** Math.floor(Math.log10(most));
    return [1, 2, 2.5, 5, 10].map(step => step * power).find(step => step >= most);
  };
  const points = (name, top) => {
    const lines = [[]];
    samples.forEach((sample, index) => {
      if (sample[name] === null) { lines.push([]); return; }
      const x = WIDTH - (samples.length - 1 - index) * WIDTH / (shown() - 1);
      lines[lines.length - 1].push([x, HEIGHT - sample[name] / top * (HEIGHT - 4)]);
    });
    return lines.filter(line => line.length);
  };
  const draw = (id, first, second, least, unit) => {
    const values = samples.flatMap(sample => [sample[first], second ? sample[second] : 0]);
    const top = round(Math.max(least, ...values));
    const svg = by(id);
    svg.querySelectorAll(".drawn").forEach(old => old.remove());
    const add = (kind, cls, line) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
      element.setAttribute("class", "drawn " + cls);
      element.setAttribute("points", line.map(point => point.map(at => at.toFixed(1)).join()).join(" "));
      svg.append(element);
    };
    for (const line of points(first, top)) {
      const [from, to] = [line[0][0], line[line.length - 1][0]];
      if (line.length === 1) line.push([to + 2, line[0][1]]);
      add("polygon", "area", [[from, HEIGHT], ...line, [line[line.length - 1][0], HEIGHT]]);
      add("polyline", "first", line);
    }
    if (second) for (const line of points(second, top)) {
      if (line.length === 1) line.push([line[0][0] + 2, line[0][1]]);
      add("polyline", "second", line);
    }
    by(id + "-top").textContent = unit(top);
    const said = [...svg.closest("figure").querySelectorAll(".now > span")];
    const ago = shown() / 60 + " min";
    svg.closest("figure").querySelector(".ago").textContent = ago + " ago";
    svg.setAttribute("aria-label", svg.dataset.name + ", the last " + ago + ". Now: "
      + said.map(part => part.textContent.trim()).join("; "));
  };
  const say = (id, text) => { if (by(id).textContent !== text) by(id).textContent = text; };

  const show = now => {
    const last = samples[samples.length - 1];
    if (last) {
      say("rate", number(last.rate));
      say("p50", last.p50 === null ? "–" : seconds(last.p50));
      say("p99", last.p99 === null ? "–" : seconds(last.p99));
    }
    say("busy", String(now.threads - now.threads_idle));
    say("threads", String(now.threads));
    say("queued", String(now.queue));
    say("open", now.connections.toLocaleString("en"));
    if (samples.length) {
      draw("plot-rate", "rate", null, 1, number);
      draw("plot-latency", "p99", "p50", 1e-5, seconds);
      draw("plot-threads", "threads", "busy", 1, number);
      draw("plot-queue", "queue", "connections", 1, number);
    }
    document.querySelectorAll("[data-of]").forEach(cell => {
      const value = cell.dataset.of.split(".").reduce((part, name) => part[name], now);
      const text = units[cell.dataset.unit](value);
      if (cell.textContent !== text) cell.textContent = text;
    });
    by("off").hidden = now.enabled;
    workers(now.workers);
  };

  const workers = all => {
    const body = by("workers");
    const columns = [...body.closest("table").tHead.rows[0].cells];
    while (body.rows.length > all.length) body.deleteRow(-1);
    all.forEach((worker, index) => {
      const row = body.rows[index] || body.insertRow();
      columns.forEach((column, place) => {
        let cell = row.cells[place];
        if (!cell) {
          cell = document.createElement(place ? "td" : "th");
          if (place) cell.className = column.className; else cell.scope = "row";
          row.append(cell);
        }
        const value = worker[column.dataset.field];
        const text = value === undefined || value === null ? "" : units[column.dataset.unit](value);
        if (cell.textContent !== text) cell.textContent = text;
      });
    });
  };

  const state = (text, name) => {
    if (by("state").textContent !== text) by("state").textContent = text;
    by("state").className = name;
  };
  const poll = async () => {
    clearTimeout(timer);
    if (!paused && !document.hidden) {
      try {
        const answer = await fetch("?format=json", { cache: "no-store" });
        if (!answer.ok) throw new Error(String(answer.status));
        const now = await answer.json();
        take(now);
        show(now);
        state("Live", "on");
      } catch {
        before = null;
        state("No answer", "lost");
      }
    }
    clearTimeout(timer);
    timer = setTimeout(poll, EVERY);
  };
  by("pause").addEventListener("click", () => {
    paused = !paused;
    by("pause").textContent = paused ? "Go on" : "Pause";
    by("pause").setAttribute("aria-pressed", String(paused));
    if (paused) state("Paused", "");
    before = null;
    poll();
  });
  document.addEventListener("visibilitychange", () => { before = null; poll(); });
  poll();
})();
