'use strict';
/*
 * What every page is made of: elements, formats, and the one list of colours.
 *
 * Names come from strangers. An element is made by el() alone, its children are text or elements, and nothing here
 * or in the other scripts reads a string as HTML.
 */

/* el('td', { class: 'n', '--x': '3%', click: f }, ...): attributes, properties of CSS, listeners; null: none. */
function el(name, attributes, ...children) {
	const e = document.createElement(name);
	for (const [key, value] of Object.entries(attributes ?? {})) {
		if (value === null || value === undefined || value === false)
			continue;
		if (key.startsWith('--'))
			e.style.setProperty(key, value);
		else if (typeof value === 'function')
			e.addEventListener(key, value);
		else
			e.setAttribute(key, value === true ? '' : value);
	}
	e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
	return e;
}

/* A name, which cannot turn round the text beside it. */
const name_of = (name) => el('bdi', { class: 'name' }, name);

/* A long name with its end: beginnings are often all alike. */
function shortened(name, most) {
	const all = [...name];
	const tail = Math.floor((most - 1) / 2);
	return all.length <= most ? name : [...all.slice(0, most - 1 - tail), '…', ...all.slice(-tail)].join('');
}

/* --- formats: as cow's own tables have them --------------------------------------------------------- */
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const UNKNOWN = '–';
const known = (n) => typeof n === 'number';

/* As printf does: halves go to the even neighbour. */
function rounded(n, digits) {
	const scaled = n * 10 ** digits;
	let whole = Math.round(scaled);
	if (scaled - Math.floor(scaled) === 0.5 && whole % 2)
		whole--;
	return (whole / 10 ** digits).toFixed(digits);
}

function bytes(n) {
	let unit = 0;
	if (!known(n))
		return UNKNOWN;
	for (; n >= (unit < 2 ? 1023.5 : 1023.95) && unit + 1 < UNITS.length; unit++)
		n /= 1024;
	return `${rounded(n, unit < 2 ? 0 : 1)} ${UNITS[unit]}`;
}

const count = (n) => (known(n) ? n.toLocaleString('en') : UNKNOWN);
const percent = (n) => `${rounded(100 * n, 0)} %`;
const exactly = (n) => (known(n) ? `${n.toLocaleString('en')} bytes` : 'the host cannot tell');
const plural = (n, what) => `${count(n)} ${what}${n === 1 ? '' : /s$/.test(what) ? 'es' : 's'}`;
const sum = (list) => list.reduce((a, b) => a + b, 0);

/* Round steps up to `max`, at most `most` of them: 0, 20 MiB, 40 MiB, ... The last is not below it. */
function ticks(max, most) {
	const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];
	for (let unit = 1; ; unit *= 1024)
		for (const step of steps)
			if (step * unit * most >= max)
				return Array.from({ length: Math.max(1, Math.ceil(max / step / unit)) + 1 },
					(_, i) => i * step * unit);
}

/* A tick needs no decimals. */
const tick_text = (n) => bytes(n).replace('.0 ', ' ');

/* --- colours: the same thing has the same one everywhere (page.css) --------------------------------- */
const SERIES = {
	private: 'mapped by nobody else: what its end would free',
	shared: 'mapped by others too',
	kernel: 'page tables, kernel stacks, other kernel memory',
	cache: 'page cache that is not mapped',
	tmpfs: 'files in memory that are not mapped',
	monitor: 'the process that watches it',
	saved: 'what would be used without sharing, and is not',
	anon: 'anonymous memory of its own',
	forked: 'anonymous memory that forks have in common',
	file: 'pages of files: programs, libraries, data',
	shmem: 'shared memory, memfd, tmpfs',
	ksm: 'merged by the kernel since it was equal',
	hugetlb: 'reserved huge pages',
};

function legend(names, texts) {
	return el('ul', { class: 'legend' }, names.map((name) => el('li', null,
		el('i', { class: `swatch fill-${name}` }), el('b', null, name), ` ${texts?.[name] ?? SERIES[name]}`)));
}

/* --- parts of a page -------------------------------------------------------------------------------- */
function section(title, ...children) {
	const id = title.toLowerCase().replace(/[^a-z]+/g, '-');
	return el('section', { 'aria-labelledby': id }, el('h2', { id }, title), children);
}

/* What is too large for the page scrolls in a box of its own, by keys too. */
const box = (label, ...children) => el('div', { class: 'box', role: 'region', tabindex: 0, 'aria-label': label }, children);

/* One of several: choice('Bars', { kinds: 'by kind' }, 'kinds', f) calls f('kinds'). */
function choice(title, options, chosen, changed) {
	const group = title.toLowerCase().replace(/[^a-z]+/g, '-');
	return el('fieldset', { class: 'choice' }, el('legend', null, title),
		Object.entries(options).map(([value, label]) => el('label', null,
			el('input', { type: 'radio', name: group, value, checked: value === chosen, change: () => changed(value) }),
			el('span', null, label))));
}

/* Calls changed(test) with a function of text. */
function filter(label, changed) {
	const input = el('input', { type: 'search', autocomplete: 'off', spellcheck: 'false' });
	input.addEventListener('input', () => {
		const wanted = input.value.trim().toLowerCase();
		changed((text) => text.toLowerCase().includes(wanted));
	});
	return el('label', { class: 'filter' }, el('span', null, label), input);
}

const page_data = () => JSON.parse(document.getElementById('data').textContent);
