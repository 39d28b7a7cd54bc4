/** The page to try the API: Swagger UI, with a field for a token. The token stays in the page and is never kept. */
export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Perennial API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<style>
#who { font: 14px sans-serif; padding: 12px 20px; background: #14322a; color: #fff; display: flex; gap: 8px; align-items: center; }
#who input { flex: 0 1 420px; padding: 6px; }
#who button { padding: 6px 14px; }
</style>
</head>
<body>
<form id="who">
<strong>Perennial</strong>
<label for="token">Token</label>
<input id="token" type="password" autocomplete="off" spellcheck="false" placeholder="shows your models, and lets you try the routes">
<button type="submit">Use</button>
</form>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/page.js"></script>
</body>
</html>
`;

export const pageScript = `const field = document.getElementById('token');
let token = '';
function show() {
  SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#ui',
    validatorUrl: null,
    docExpansion: 'none',
    defaultModelsExpandDepth: 0,
    requestInterceptor: (request) => {
      // The token goes to this platform alone.
      const isOurs = new URL(request.url, location.href).origin === location.origin;
      if (token !== '' && isOurs) request.headers.authorization = 'Bearer ' + token;
      return request;
    },
  });
}
document.getElementById('who').addEventListener('submit', (event) => {
  event.preventDefault();
  token = field.value.trim();
  show();
});
show();
`;
