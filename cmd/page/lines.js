'use strict';
/*
 * Line charts of figures against a count, each curve with what its points spread.
 *
 * A chart is { title, axis, axis_x, ticks(max, most), decades(e), text(figure), curves: [{ name, look: { colour, dash }, points:
 * [{ x, y, low, high }] }] }. The axis of counts is logarithmic; the other one is where figures are far apart, which are
 * otherwise a line on the ground and one at the top. Texts are HTML, but the figures at the axes.
 */
const FAR_APART = 40;
const CHART = { height: 260, left: 84, right: 26, top: 12, bottom: 26 };

function svg(name, attributes, ...children) {
	const e = document.createElementNS('http://www.w3.org/2000/svg', name);
	for (const [key, value] of Object.entries(attributes ?? {}))
		if (value !== null)
			e.setAttribute(key, value);
	e.append(...children.flat(Infinity).filter((c) => c !== null));
	return e;
}

/* 1, 10, 100, ... and what comes next of bytes: 1 KiB, 10 KiB, 100 KiB, 1 MiB. */
const decade = (e) => 10 ** e;
const decade_of_bytes = (e) => 1024 ** Math.floor(e / 3) * 10 ** (((e % 3) + 3) % 3);

/* Decades from below `least` to above `most`; halves and fifths of them too where that are few. */
function far_ticks(least, most, decades) {
	const all = [];
	let n_decades = 0;
	for (let e = -6; e < 18; e++)
		if (decades(e + 1) > least && decades(e) < most)
			n_decades++;
	for (let e = -6; e < 18; e++)
		for (const step of n_decades > 4 ? [1] : n_decades > 2 ? [1, 5] : [1, 2, 5])
			all.push(step * decades(e));
	return all.slice(all.findLastIndex((n) => n <= least), all.findIndex((n) => n >= most) + 1);
}

/* 0, 20, 40, ... to above `max`. */
function even_ticks(max, most) {
	for (let unit = 10 ** Math.floor(Math.log10(max / most)); ; unit *= 10)
		for (const step of [1, 2, 5])
			if (step * unit * most >= max)
				return Array.from({ length: Math.max(1, Math.ceil(max / step / unit - 1e-9)) + 1 }, (_, i) => i * step * unit);
}

function scale_of(chart) {
	const points = chart.curves.flatMap((c) => c.points);
	const [least, most] = [Math.min(...points.map((p) => p.y)), Math.max(...points.map((p) => p.y))];
	const top = Math.max(...points.map((p) => p.high));
	if (least <= 0 || most / least <= FAR_APART) {
		const at = chart.ticks(top || 1, 6);
		return { at, far: false, part: (n) => n / at[at.length - 1] };
	}
	const at = far_ticks(Math.min(...points.map((p) => (p.low > 0 ? p.low : p.y))), top, chart.decades);
	const [from, to] = [Math.log(at[0]), Math.log(at[at.length - 1])];
	return { at, far: true, part: (n) => Math.max(0, (Math.log(n) - from) / (to - from || 1)) };
}

/* Counts that stand apart; the last is always there. */
function count_labels(counts, x_of) {
	const shown = [];
	for (const n of [...counts].reverse())
		if (!shown.length || x_of(shown[0]) - x_of(n) > 9 * (count(n).length + count(shown[0]).length) / 2 + 6)
			shown.unshift(n);
	return shown;
}

/* Points have shapes too, where curves differ in that alone. */
const SHAPES = ['M-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0', 'M-3.5,-3.5h7v7h-7z', 'M0,-4.5l4.5,8h-9z', 'M0,-5l5,5l-5,5l-5,-5z'];
const DASHES = [null, '7 4', '2 3', '9 3 2 3'];
const dashes = (look) => DASHES[look.dash % DASHES.length];
const shape = (look, at) => svg('path', { d: SHAPES[look.dash % SHAPES.length], transform: `translate(${at[0]} ${at[1]})`, fill: 'currentColor' });

/* Curves stand a little apart, so that none hides the whiskers of another. */
const aside = (i, n) => (i - (n - 1) / 2) * Math.min(5, 18 / n);

function curve_of(curve, x_of, y_of, chart) {
	const at = curve.points.map((p) => [x_of(p.x), y_of(p.y)]);
	const whisker = (p) => {
		const [x, low, high] = [x_of(p.x), y_of(p.low), y_of(p.high)];
		return low - high < 1 ? null : svg('path', { d: `M${x - 4},${low}h8M${x},${low}V${high}M${x - 4},${high}h8`, class: 'whisker' });
	};
	return svg('g', { class: `way-${curve.look.colour}` },
		svg('polyline', { points: at.map((p) => p.join()).join(' '), 'stroke-dasharray': dashes(curve.look), class: 'curve' }),
		curve.points.map((p, i) => svg('g', null, whisker(p), shape(curve.look, at[i]),
			svg('title', null, `${curve.name}, ${count(p.x)}: ${chart.text(p.y)}${p.high > p.low ? `, from ${chart.text(p.low)} to ${chart.text(p.high)}` : ''}`))));
}

function drawn(chart, counts, width) {
	const { height, left, right, top, bottom } = CHART;
	const { at, part } = scale_of(chart);
	const [first, last] = [Math.log(counts[0]), Math.log(counts[counts.length - 1])];
	const x_of = (n) => left + 12 + (width - left - right - 24) * (last > first ? (Math.log(n) - first) / (last - first) : 0.5);
	const y_of = (n) => height - bottom - (height - top - bottom) * part(n);
	return svg('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${chart.title}, ${chart.axis}; the figures are in the table` },
		at.map((n) => [svg('path', { d: `M${left},${y_of(n)}H${width - right}`, class: 'grid' }),
			svg('text', { x: left - 8, y: y_of(n) + 4, 'text-anchor': 'end' }, chart.text(n))]),
		svg('path', { d: `M${left},${top}V${height - bottom}H${width - right}`, class: 'edge' }),
		counts.map((n) => svg('path', { d: `M${x_of(n)},${height - bottom}v4`, class: 'edge' })),
		count_labels(counts, x_of).map((n) => svg('text', { x: x_of(n), y: height - 6, 'text-anchor': 'middle' }, count(n))),
		chart.curves.map((c, i, { length }) => curve_of(c, (n) => x_of(n) + aside(i, length), y_of, chart)));
}

/* A piece of a curve, as the key has it. */
const sample = (look) => svg('svg', { width: 34, height: 12, viewBox: '0 0 34 12', class: `sample way-${look.colour}`, 'aria-hidden': 'true' },
	svg('path', { d: 'M0,6H34', 'stroke-dasharray': dashes(look), class: 'curve' }), shape(look, [17, 6]));
const curve_legend = (curves) => el('ul', { class: 'legend curves' }, curves.map((c) => el('li', null, sample(c.look), name_of(c.name))));

/* null: nothing to show. */
function lines(chart) {
	const curves = chart.curves.filter((c) => c.points.length);
	if (!curves.length)
		return null;
	const shown = { ...chart, curves };
	const counts = [...new Set(curves.flatMap((c) => c.points.map((p) => p.x)))].sort((a, b) => a - b);
	const place = el('div', { class: 'plot' });
	let width = 480;
	const draw = () => place.replaceChildren(drawn(shown, counts, width));
	draw();
	new ResizeObserver(() => {
		const now = Math.max(240, Math.floor(place.clientWidth));
		if (now !== width) {
			width = now;
			requestAnimationFrame(draw);
		}
	}).observe(place);
	return el('figure', { class: 'chart' }, el('figcaption', null, el('b', null, chart.title), el('span', { class: 'note' }, `${chart.axis}${scale_of(shown).far ? ', logarithmic' : ''}`)),
		place, el('p', { class: 'note axis-x' }, chart.axis_x), curve_legend(curves));
}
