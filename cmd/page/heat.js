'use strict';
/*
 * Who shares how much with whom: a square of cells, each as strong as its figure.
 *
 * A few are a table, with figures to read; many are a canvas with names on its sides, every so many as can be read
 * apart. Both tell the cell under pointer or cursor in words. The colour is that of `shared`, with the background
 * through it, so light, dark and paper need no palette each.
 *
 * `of` is { rows: [name], columns: [name], value: (i, j) => 0 to 1 or null, text: (i, j), tell: (i, j), is_own: (i, j) }.
 */
const HEAT_TABLE_MOST = 14;
const HEAT_LABEL = 14; /* px of a line of names */
const HEAT_RGB = [31, 111, 208]; /* --shared of page.css */
const OWN_RGBA = [128, 128, 128, 90];
const heat_alpha = (value) => (value > 0 ? 0.08 + 0.92 * value : 0);

function heat_table(of, tell) {
	const cell = (i, j) => {
		const alpha = heat_alpha(of.value(i, j) ?? 0);
		return el('td', {
			class: of.is_own(i, j) ? 'own' : alpha > 0.85 ? 'strong' : null,
			'--heat': of.is_own(i, j) ? null : alpha,
			title: of.tell(i, j), pointerenter: () => tell(of.tell(i, j)),
		}, of.text(i, j));
	};
	return el('table', { class: 'heat' }, el('caption', { class: 'unseen' }, 'Memory that two containers both map'),
		el('thead', null, el('tr', null, el('td'), of.columns.map((name) => el('th', { scope: 'col', title: name }, name_of(shortened(name, 12)))))),
		el('tbody', null, of.rows.map((name, i) => el('tr', null, el('th', { scope: 'row', title: name }, name_of(shortened(name, 18))),
			of.columns.map((_, j) => cell(i, j))))));
}

function paint(of) {
	const [width, height] = [of.columns.length, of.rows.length];
	const canvas = el('canvas', { width, height, tabindex: 0, role: 'img', 'aria-label': 'Heat map; arrow keys tell cells' });
	const context = canvas.getContext('2d');
	const image = context.createImageData(width, height);
	for (let i = 0, at = 0; i < height; i++)
		for (let j = 0; j < width; j++, at += 4) {
			const value = of.is_own(i, j) ? null : of.value(i, j);
			image.data.set(value === null ? OWN_RGBA : HEAT_RGB, at);
			if (value !== null)
				image.data[at + 3] = Math.round(255 * heat_alpha(value));
		}
	context.putImageData(image, 0, 0);
	return canvas;
}

/* Names beside the cells: all where they fit, else every so many. */
function side(names, cell, which) {
	const every = Math.ceil(HEAT_LABEL / cell);
	const labels = [];
	for (let i = 0; i < names.length && (i === 0 || i * cell + HEAT_LABEL <= names.length * cell); i += every)
		labels.push(el('span', { '--at': `${i * cell}px`, title: names[i] }, name_of(shortened(names[i], 20))));
	return el('div', { class: `side ${which}`, 'aria-hidden': 'true' }, labels);
}

function heat_canvas(of, tell) {
	const [columns, rows] = [of.columns.length, of.rows.length];
	const cell = rows <= 90 ? HEAT_LABEL : rows <= 180 ? 7 : rows <= 300 ? 4 : rows <= 500 ? 2 : 1;
	const canvas = paint(of);
	const cursor = el('div', { class: 'cursor', hidden: true });
	let [i, j] = [0, 0];

	function move(to_i, to_j) {
		i = Math.max(0, Math.min(rows - 1, to_i));
		j = Math.max(0, Math.min(columns - 1, to_j));
		cursor.hidden = false;
		cursor.style.setProperty('--left', `${j * cell}px`);
		cursor.style.setProperty('--top', `${i * cell}px`);
		tell(of.tell(i, j));
	}
	const keys = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
	canvas.addEventListener('keydown', (event) => {
		const by = keys[event.key];
		if (!by)
			return;
		event.preventDefault();
		move(i + by[0], j + by[1]);
		cursor.scrollIntoView({ block: 'nearest', inline: 'nearest' });
	});
	canvas.addEventListener('pointermove', (event) => move(Math.floor(event.offsetY / cell), Math.floor(event.offsetX / cell)));
	return el('div', { class: 'map', '--cell': `${cell}px`, '--columns': columns, '--rows': rows, '--paper': Math.min(1, 640 / (columns * cell + 160)) },
		el('div', { class: 'corner' }), side(of.columns, cell, 'above'), side(of.rows, cell, 'left'),
		el('div', { class: 'cells' }, canvas, cursor));
}

/* `scale`: the texts of its two ends and of what is half of it. */
function heat(label, of, scale) {
	const output = el('output', { class: 'told', 'aria-live': 'polite' }, 'Point at a cell, or go there by arrow keys.');
	const tell = (text) => { output.textContent = text; };
	const small = of.rows.length <= HEAT_TABLE_MOST;
	if (small)
		output.textContent = 'Rows and columns are the same containers.';
	return el('div', { class: 'heat-map' },
		el('div', { class: 'heat-scale' }, el('div', { class: 'ramp' }), el('div', { class: 'ends' }, scale.map((text) => el('span', null, text)))),
		output, box(label, small ? heat_table(of, tell) : heat_canvas(of, tell)));
}
