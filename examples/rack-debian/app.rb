# frozen_string_literal: true

require "json"
require "pg"
require "sinatra/base"

# A shop window: one page, one health check, and a database where one is given.
class Shop < Sinatra::Base
  set :host_authorization, permitted_hosts: []

  get "/" do
    erb :index, locals: { ruby: RUBY_VERSION, libpq: PG.library_version, greeting: greeting }
  end

  get "/health" do
    content_type :json
    JSON.generate(status: "ok")
  end

  private

  def greeting
    return "no DATABASE_URL is set" unless ENV["DATABASE_URL"]

    connection = PG.connect(ENV["DATABASE_URL"])
    connection.exec("select 'hello from PostgreSQL ' || current_setting('server_version')").getvalue(0, 0)
  rescue PG::Error => e
    "the database does not answer: #{e.message.lines.first}"
  ensure
    connection&.close
  end
end
