'use strict';
/*
 * Stacked bars over one axis of bytes.
 *
 * A row is { name, parts: [{ of, bytes, light }] }: `of` is a name of SERIES, `light` its paler half. What is unknown is
 * left out.
 */
function bar_of(row, max, about) {
	const parts = row.parts.filter((p) => known(p.bytes) && p.bytes > 0);
	const total = sum(parts.map((p) => p.bytes));
	const tell = (p) => `${p.light ? `${p.of}, shared` : p.of} ${about}${bytes(p.bytes)}`;
	return el('div', { class: 'bar', role: 'listitem' }, el('span', { class: 'label' }, name_of(row.name)),
		el('div', { class: 'track', role: 'img', 'aria-label': parts.map(tell).join(', ') || 'nothing' },
			parts.map((p) => el('i', { class: `fill-${p.of}${p.light ? ' light' : ''}`, '--w': `${(100 * p.bytes) / max}%`, title: tell(p) }))),
		el('span', { class: 'total' }, parts.length ? about + bytes(total) : UNKNOWN));
}

/* The axis is as long as its last tick; it has as many as its width lets stand apart. */
function axis_of(largest, most) {
	const at = ticks(largest, most);
	return { at, max: at[at.length - 1] };
}

let n_ticks = 6; /* as many as fitted last */

/* `about`: "~" before estimates. */
function bars(label, rows, about) {
	const largest = Math.max(1, ...rows.map((row) => sum(row.parts.map((p) => p.bytes ?? 0))));
	const scale = el('div', { class: 'scale', 'aria-hidden': 'true' });
	const list = el('div', { role: 'list' });
	const element = box(label, el('div', { class: 'bar axis' }, el('span'), scale, el('span')), list);
	let drawn;

	function draw() {
		const { at, max } = axis_of(largest, n_ticks);
		drawn = n_ticks;
		element.style.setProperty('--step', `${100 / (at.length - 1)}%`);
		scale.replaceChildren(...at.map((n) => el('span', { '--x': `${(100 * n) / max}%` }, tick_text(n))));
		list.replaceChildren(...rows.map((row) => bar_of(row, max, about)));
	}
	element.classList.add('bars');
	element.style.setProperty('--names', `${Math.min(30, Math.max(6, ...rows.map((row) => row.name.length + 1)))}ch`);
	draw();
	new ResizeObserver(() => {
		n_ticks = Math.max(1, Math.min(10, Math.floor(scale.clientWidth / 84)));
		if (n_ticks !== drawn) /* not now: that would change sizes while they are told */
			requestAnimationFrame(draw);
	}).observe(scale);
	return element;
}
