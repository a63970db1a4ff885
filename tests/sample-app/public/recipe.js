// Shows what the app's server streams, piece by piece.
const byId = (id) => document.getElementById(id);

function showProblem(problem) {
  const box = byId('problem');
  box.replaceChildren();
  const title = document.createElement('strong');
  title.textContent = problem.title;
  const type = document.createElement('code');
  type.textContent = [problem.status, problem.type].filter(Boolean).join(' ');
  box.append(title, ' ', type, document.createElement('br'), problem.message, document.createElement('br'), problem.advice);
  if (problem.connectAgain) {
    const form = Object.assign(document.createElement('form'), { method: 'post', action: '/connect' });
    form.append(Object.assign(document.createElement('button'), { textContent: 'Connect again' }));
    box.append(form);
  }
  box.hidden = false;
}

async function streamInto(article, path, body) {
  byId('problem').hidden = true;
  article.textContent = '';
  article.classList.add('writing');
  try {
    const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error('The app lost its connection to the vault. Load the page again.');
    let rest = '';
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const { text, remaining, problem } = JSON.parse(line);
        if (text) article.append(text);
        if (remaining) byId('remaining').textContent = `$${remaining} left to spend`;
        if (problem) showProblem(problem);
      }
    }
  } catch (error) {
    showProblem({ title: 'The call failed', message: error.message, advice: '' });
  } finally {
    article.classList.remove('writing');
  }
}

function onSubmit(form, work) {
  form?.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    await work(new FormData(form));
    button.disabled = false;
  });
}

onSubmit(byId('write'), async (form) => {
  await streamInto(byId('recipe'), '/write', { dish: form.get('dish'), model: form.get('model') });
  const card = byId('allergens-card');
  if (card) card.hidden = !byId('recipe').textContent;
});
onSubmit(byId('check'), () => streamInto(byId('allergens'), '/allergens', { recipe: byId('recipe').textContent }));
