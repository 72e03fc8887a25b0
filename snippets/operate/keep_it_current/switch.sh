set -eu
new=green port=8081
cd /etc/nginx/llm
old=$(readlink upstream.conf)
systemctl start "llm-$new"
# Until its weights are loaded, it refuses or says 503.
curl --fail --silent --show-error --retry 120 \
  --retry-delay 5 --retry-all-errors --max-time 5 \
  "http://127.0.0.1:$port/health"
ln -sfn "$new.conf" upstream.conf
if nginx -t; then
  systemctl reload nginx
else
  ln -sfn "$old" upstream.conf
  exit 1
fi
